<?php

declare(strict_types=1);

/** What runs here, read from the process itself. */
$uid = function_exists('posix_geteuid') ? posix_geteuid() : getmyuid();
$account = function_exists('posix_getpwuid') ? posix_getpwuid($uid) : false;
$facts = [
    'PHP version' => PHP_VERSION,
    'Served by' => PHP_SAPI,
    'User id of this process' => (string) $uid,
    'User' => $account === false ? 'a bare number (no account on this machine)' : $account['name'],
    'Memory limit of a request' => (string) ini_get('memory_limit'),
    'GREETING, from the manifest' => getenv('GREETING') ?: 'not set',
    'Document root' => $_SERVER['DOCUMENT_ROOT'],
];
$escape = static fn(string $text): string => htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
?>
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>php.localhost · WCP360</title>
    <link rel="stylesheet" href="style.css">
  </head>
  <body>
    <main>
      <p class="mark">WCP360 quick start</p>
      <h1>PHP, in a process of its own</h1>
      <p class="lead">Your request started this site’s PHP. It runs as the tenant, not as the web server, and stops again when nobody comes.</p>

      <table>
<?php foreach ($facts as $name => $value): ?>
        <tr><th scope="row"><?= $escape($name) ?></th><td><?= $escape($value) ?></td></tr>
<?php endforeach; ?>
      </table>

      <h2>What to try next</h2>
      <ol>
        <li><a href="databases.php">Its databases</a>, PostgreSQL and MariaDB, with a password that is nowhere but in a Secret.</li>
        <li>Change <code>GREETING</code> in <code>examples/quickstart/10-domains.yaml</code>, look at <code>wcpctl diff -f examples/quickstart</code>, then apply it and reload.</li>
        <li>Set <code>spec.php.settings</code>, for example <code>memory_limit</code> to <code>64M</code>.</li>
        <li>Ask for PHP 5.9 and read what <code>wcpctl get domain php -n quickstart</code> says: the site goes on as it was.</li>
      </ol>
    </main>
  </body>
</html>
