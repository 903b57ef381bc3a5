<?php
// The only page of the web client: Debian's Adminer, which is told one login and one database and can be told no other. Who may come here was asked before.

const SESSION = 'client';

/** What of a request names a kind of server, a server, a login or a database, to Adminer: all of it is ours. */
const ADDRESSES = ['server', 'pgsql', 'sqlite', 'sqlite2', 'oracle', 'mssql', 'mongo', 'elastic', 'clickhouse', 'firebird', 'simpledb', 'username', 'db'];

function place_at_the_login(): void
{
    foreach (ADDRESSES as $name) {
        unset($_GET[$name]);
    }
    $_GET[getenv('CLIENT_DRIVER')] = '';
    $_GET['username'] = getenv('CLIENT_USERNAME');
    $_GET['db'] = getenv('CLIENT_DATABASE');
    // Of Adminer's own ways to log in none is left, nor what would ask adminer.org for news.
    unset($_POST['auth'], $_SERVER['HTTP_X_FORWARDED_PREFIX']);
    $_COOKIE = ['adminer_sid' => SESSION, 'adminer_version' => '0'] + array_diff_key($_COOKIE, ['adminer_permanent' => 0, 'adminer_key' => 0]);
}

function adminer_object(): Adminer
{
    final class Client extends Adminer
    {
        public function name()
        {
            return "<span id='h1'>" . h(getenv('CLIENT_NAME')) . '</span>';
        }

        public function credentials()
        {
            return [getenv('CLIENT_SERVER'), getenv('CLIENT_USERNAME'), getenv('CLIENT_PASSWORD')];
        }

        public function login($login, $password)
        {
            return true;
        }

        public function loginForm()
        {
            echo '<p>The database does not let this login in at the moment.</p>';
        }

        public function permanentLogin($create = false)
        {
            return false;
        }

        public function serverName($server)
        {
            return h(getenv('CLIENT_NAMESPACE'));
        }

        public function database()
        {
            return getenv('CLIENT_DATABASE');
        }

        public function databases($flush = true)
        {
            return [getenv('CLIENT_DATABASE')];
        }

        public function databasesPrint($missing)
        {
        }

        public function importServerPath()
        {
            return '';
        }

        public function csp()
        {
            $script = "'nonce-" . get_nonce() . "' 'strict-dynamic'";
            return [[
                'default-src' => "'none'",
                'script-src' => $script,
                'style-src' => "'self' 'unsafe-inline'",
                'img-src' => "'self' data:",
                'connect-src' => "'self'",
                'form-action' => "'self'",
                'base-uri' => "'none'",
                'frame-ancestors' => "'none'",
            ]];
        }
    }
    // Other kinds of servers have had their turn by now; that of MySQL and MariaDB comes when none was meant.
    if ((defined('DRIVER') ? DRIVER : 'server') !== getenv('CLIENT_DRIVER')) {
        http_response_code(403);
        exit;
    }
    $_SESSION['pwds'] = [getenv('CLIENT_DRIVER') => ['' => [getenv('CLIENT_USERNAME') => '']]];
    return new Client();
}

if (isset($_POST['logout'])) {
    header('Location: /databases/leave', true, 303);
    exit;
}
place_at_the_login();
require '/usr/share/adminer/adminer.php';
