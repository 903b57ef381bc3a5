<?php

// What differs between sites comes from the environment of PHP: envFrom of the Domain names the Secret of a DatabaseUser.
define('DB_NAME', getenv('DB_database'));
define('DB_USER', getenv('DB_username'));
define('DB_PASSWORD', getenv('DB_password'));
define('DB_HOST', 'localhost:' . getenv('DB_socket'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');

// Keys and salts are made by WordPress and kept in its database.

$table_prefix = 'wp_';

if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
