<?php

declare(strict_types=1);

/** A connection by what the Secret of a DatabaseUser brought into the environment, each key with the prefix of the Domain's envFrom. */
function connect(string $prefix): PDO
{
    $of = static fn(string $key): string => (string) getenv($prefix . $key);
    $place = $of('host') === 'localhost' ? "mysql:unix_socket={$of('socket')}" : "pgsql:host={$of('host')};port={$of('port')}";
    return new PDO("$place;dbname={$of('database')}", $of('username'), $of('password'));
}

/** Notes this visit and tells of all. */
function visit(PDO $database): array
{
    $database->exec('CREATE TABLE IF NOT EXISTS visits (at timestamp NOT NULL)');
    $database->exec('INSERT INTO visits (at) VALUES (CURRENT_TIMESTAMP)');
    [$count, $first] = $database->query('SELECT count(*), min(at) FROM visits')->fetch(PDO::FETCH_NUM);
    return [$database->getAttribute(PDO::ATTR_SERVER_VERSION), (string) $count, substr((string) $first, 0, 19)];
}

$visits = ['PostgreSQL' => visit(connect('NOTES_')), 'MariaDB' => visit(connect('VISITS_'))];
$escape = static fn(string $text): string => htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
?>
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Databases · php.localhost · WCP360</title>
    <link rel="stylesheet" href="style.css">
  </head>
  <body>
    <main>
      <p class="mark">WCP360 quick start</p>
      <h1>Two databases</h1>
      <p class="lead">Your visit was written into both, and read back. This site’s PHP found name and password of each in its environment, where a Secret put them.</p>

      <table>
<?php foreach ($visits as $engine => [$version, $count, $first]): ?>
        <tr><th scope="row"><?= $escape("$engine $version") ?></th><td>visit number <?= $escape($count) ?>, the first at <?= $escape($first) ?></td></tr>
<?php endforeach; ?>
      </table>

      <h2>What to try next</h2>
      <ol>
        <li>Look at <code>wcpctl get wdb,wdbuser -n quickstart</code>, and at <code>envFrom</code> in <code>examples/quickstart/10-domains.yaml</code>.</li>
        <li>Delete the Database <code>visits</code>, apply the quick start again and reload: what it held was kept.</li>
      </ol>
    </main>
  </body>
</html>
