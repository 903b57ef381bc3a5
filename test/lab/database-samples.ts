/** What people make of a database: a view, something that is run, and words that look like what they are not. */
export const riches = {
  PostgreSQL: [
    'CREATE TABLE riches (n integer PRIMARY KEY, words text, bytes bytea)',
    `INSERT INTO riches SELECT n, E'é \\\\.\nCREATE SCHEMA public;\nDEFINER=\`x\`@\`y\`', '\\x00ff0a5c' FROM generate_series(1, 2000) n`,
    'CREATE SCHEMA more',
    'CREATE VIEW more.seen AS SELECT count(*) AS n FROM riches',
    'CREATE FUNCTION more.twice(n integer) RETURNS integer LANGUAGE sql AS $$ SELECT 2 * n $$',
  ],
  MariaDB: [
    'CREATE TABLE riches (n integer PRIMARY KEY AUTO_INCREMENT, words text, bytes blob)',
    `INSERT INTO riches (words, bytes) SELECT 'é \\\\ \n/*!50013 DEFINER=\`x\`@\`y\` */', x'00ff0a5c' FROM information_schema.COLUMNS LIMIT 1000`,
    'CREATE VIEW seen AS SELECT count(*) AS n FROM riches',
    'CREATE TRIGGER counted BEFORE INSERT ON riches FOR EACH ROW SET NEW.words = upper(NEW.words)',
    'CREATE FUNCTION twice(n integer) RETURNS integer DETERMINISTIC RETURN 2 * n',
  ],
} as const;
/** What all rows come to. */
export const digest = {
  PostgreSQL:
    'SELECT md5(string_agg(n || words || bytes::text, $$,$$ ORDER BY n)) AS digest, count(*) AS n FROM riches',
  MariaDB: 'SELECT md5(group_concat(concat(n, words, hex(bytes)) ORDER BY n)) AS digest, count(*) AS n FROM riches',
} as const;
/** That what was made works. */
export const use = {
  PostgreSQL: ['SELECT n FROM more.seen', 'SELECT more.twice(21) AS twice'],
  MariaDB: ['SELECT n FROM seen', 'SELECT twice(21) AS twice'],
} as const;

/** A script that takes three seconds. */
export const sleep = {
  PostgreSQL: 'SELECT 42 FROM pg_sleep(3);\n',
  MariaDB: 'SELECT 42 FROM (SELECT sleep(3)) AS slow;\n',
} as const;
/** The programs that run it, in a command line of the kernel's. */
export const programs = { PostgreSQL: /\/psql\0/u, MariaDB: /\/mariadb\0/u } as const;

/** What may be asked of a login's own limits, and what somebody may do to it by hand. */
export const particulars = {
  PostgreSQL: {
    limit: 'SHOW statement_timeout',
    limitIs: { statement_timeout: '90s' },
    change: (login: string) => `ALTER ROLE ${login} CONNECTION LIMIT 0`,
  },
  MariaDB: {
    limit: 'SELECT @@max_statement_time AS seconds',
    limitIs: { seconds: '90.000000' },
    change: (login: string) => `ALTER USER ${login}@localhost ACCOUNT LOCK`,
  },
} as const;

/** A page that logs in anew for each visitor, with nothing but what is in its environment, and counts them. */
export const counter = `<?php
  $of = fn(string $key): string => (string) getenv("DB_$key");
  $where = $of('host') === 'localhost' ? "mysql:unix_socket={$of('socket')}" : "pgsql:host={$of('host')};port={$of('port')}";
  try {
    $db = new PDO("$where;dbname={$of('database')}", $of('username'), $of('password'));
    $db->exec('CREATE TABLE IF NOT EXISTS visits (path varchar(20))');
    $db->prepare('INSERT INTO visits VALUES (?)')->execute([$_SERVER['REQUEST_URI']]);
    echo json_encode(['visits' => (int) $db->query('SELECT count(*) FROM visits')->fetchColumn(), 'password' => $of('password')]);
  } catch (PDOException $refused) {
    http_response_code(500);
    echo $refused->getMessage();
  }`;
