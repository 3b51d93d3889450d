# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The PHP that is handed to a pool to see into its memory: a guard, which the pool runs, and the look it includes.

They are two files because OPcache would keep what a pool runs where nothing makes it look at a file's time (each of
validate_timestamps, file_update_protection and max_file_size is 0). The guard is small, and has OPcache look at the
time of the other, unless php_admin_value forbids that. Kept to the syntax of PHP 5.2; run with 8.2 and 8.4. Functions
that disable_functions may well name are asked for before they are called. What is printed is read by probe_answer.
"""

from .probe_answer import LINKS_LIMIT, SCRIPT_BYTES, SCRIPTS_BYTES, SETTINGS

COMPILE_SECONDS = 2  # after which it compiles no further file: a worker is not to be held from its visitors for long


def guard(digest: str, expires: int, look: str) -> bytes:
    """Return the script that a pool runs: it does nothing but for who knows the secret, and that not for ever.

    digest: SHA-256 of the secret, in hexadecimal. expires: seconds since the epoch. look: the name of the other file,
    beside it. Its parameters are FastCGI's own, which no HTTP client can set: PHPFLEET_SECRET, and PHPFLEET_TASK with
    the words of a Task; paths come as its body.
    """
    text = _GUARD.replace("%DIGEST%", digest).replace("%EXPIRES%", str(int(expires))).replace("%LOOK%", look)
    return text.encode("ascii")


def look() -> bytes:
    """Return what the guard includes: it does a task and says what it sees. Run by itself, it does nothing."""
    text = _LOOK.replace("%SETTINGS%", ", ".join(f"'{one}'" for one in SETTINGS))
    limits = dict(LINKS_LIMIT=LINKS_LIMIT, SCRIPTS_BYTES=SCRIPTS_BYTES, SCRIPT_BYTES=SCRIPT_BYTES)
    for name, value in dict(limits, COMPILE_SECONDS=COMPILE_SECONDS).items():
        text = text.replace(f"%{name}%", str(value))
    return text.encode("ascii")


_GUARD = r"""<?php
// Handed out by phpfleet.remediation for some seconds. It answers nobody but who did that.

function phpfleet_parameter($name)
{
    if (isset($_SERVER[$name]) && is_string($_SERVER[$name])) {
        return $_SERVER[$name];
    }
    return function_exists('getenv') ? (string) getenv($name) : '';
}

function phpfleet_digest($secret)
{
    if (function_exists('hash')) {
        return hash('sha256', $secret);
    }
    return function_exists('openssl_digest') ? openssl_digest($secret, 'sha256') : '';
}

function phpfleet_task()
{
    $task = array('until' => 0, 'marker' => '', 'scripts' => 0, 'reset' => '', 'invalidate' => 0, 'compile' => 0);
    foreach (explode(' ', phpfleet_parameter('PHPFLEET_TASK')) as $word) {
        $parts = explode('=', $word, 2);
        if (count($parts) == 2) {
            $task[$parts[0]] = $parts[1];
        }
    }
    return $task;
}

$phpfleet_task = phpfleet_task();
$phpfleet_now = microtime(true);
if (phpfleet_digest(phpfleet_parameter('PHPFLEET_SECRET')) !== '%DIGEST%'
    || $phpfleet_now > %EXPIRES% || $phpfleet_now > (float) $phpfleet_task['until']) {
    if (function_exists('header')) {
        header('HTTP/1.0 404 Not Found');
    }
    if (!function_exists('hash') && !function_exists('openssl_digest')) {
        echo 'hash() and openssl_digest() are switched off by disable_functions';
    }
    exit;
}
$phpfleet_protection = function_exists('ini_set') ? ini_set('opcache.file_update_protection', '2') : false;
include dirname(__FILE__) . '/%LOOK%';
if (function_exists('opcache_invalidate')) {
    opcache_invalidate(dirname(__FILE__) . '/%LOOK%', true);
    opcache_invalidate(__FILE__, true);
}
"""


_LOOK = r"""<?php
// What phpfleet.remediation asks a pool. Only the file beside this one includes it.
if (!function_exists('phpfleet_task')) {
    exit;
}
if ($phpfleet_protection !== false) {
    ini_set('opcache.file_update_protection', $phpfleet_protection);
}

function phpfleet_note($level, $message)
{
    $GLOBALS['phpfleet_noted'] = $message;
    return true;
}

function phpfleet_noted($otherwise)
{
    $noted = $GLOBALS['phpfleet_noted'];
    $GLOBALS['phpfleet_noted'] = '';
    return $noted === '' ? $otherwise : $noted;
}

function phpfleet_say($tag, $name, $first = '', $second = '')
{
    $GLOBALS['phpfleet_pieces']++;
    echo $tag, "\0", str_replace("\0", '?', $name), "\0", str_replace("\0", '?', $first), "\0",
        str_replace("\0", '?', $second), "\0";
}

function phpfleet_end()
{
    if ($GLOBALS['phpfleet_ended']) {
        return;
    }
    $error = phpfleet_last_error();
    phpfleet_say('fatal', '', $error === '' ? 'something ended it before its end' : $error);
}

function phpfleet_number($value)
{
    return is_float($value) ? sprintf('%.0F', $value) : (string) (int) $value;
}

// Says the figures that an engine names otherwise than we do; one that it does not name is not said.
function phpfleet_figures($tag, $figures, $names)
{
    foreach ($names as $ours => $theirs) {
        if (is_array($figures) && isset($figures[$theirs])) {
            phpfleet_say($tag, $ours, phpfleet_number($figures[$theirs]));
        }
    }
}

// Says why a function cannot be called; true where it can.
function phpfleet_can($reason, $function, $extension)
{
    $GLOBALS['phpfleet_noted'] = '';
    if (function_exists($function)) {
        return true;
    }
    $loaded = function_exists('extension_loaded') && extension_loaded($extension);
    phpfleet_say('reason', $reason, $loaded ? $function . '() is switched off by disable_functions'
        : $extension . ' is not loaded');
    return false;
}

function phpfleet_look($tag)
{
    if (!phpfleet_can('opcache', 'opcache_get_status', 'Zend OPcache')) {
        return;
    }
    $status = opcache_get_status(false);
    if (!is_array($status)) {
        phpfleet_say('reason', 'opcache', phpfleet_noted('it is switched off (opcache.enable), or it failed to start'));
        return;
    }
    if (empty($status['opcache_statistics'])) {
        phpfleet_say('reason', 'opcache', 'it keeps nothing in memory (opcache.file_cache_only)');
        return;
    }
    phpfleet_figures($tag, $status, array('enabled' => 'opcache_enabled', 'full' => 'cache_full',
        'restart_pending' => 'restart_pending', 'restart_in_progress' => 'restart_in_progress'));
    phpfleet_figures($tag, $status['memory_usage'], array('used' => 'used_memory', 'free' => 'free_memory',
        'wasted' => 'wasted_memory'));
    phpfleet_say($tag, 'wasted_percent', sprintf('%F', $status['memory_usage']['current_wasted_percentage']));
    phpfleet_figures($tag, isset($status['interned_strings_usage']) ? $status['interned_strings_usage'] : null,
        array('strings_used' => 'used_memory', 'strings_free' => 'free_memory'));
    phpfleet_figures($tag, $status['opcache_statistics'], array('scripts' => 'num_cached_scripts',
        'keys' => 'num_cached_keys', 'keys_limit' => 'max_cached_keys', 'hits' => 'hits', 'misses' => 'misses',
        'started' => 'start_time', 'restarted' => 'last_restart_time', 'out_of_memory_restarts' => 'oom_restarts',
        'hash_restarts' => 'hash_restarts', 'manual_restarts' => 'manual_restarts'));
    $preloaded = isset($status['preload_statistics']['scripts']) ? $status['preload_statistics']['scripts'] : array();
    phpfleet_say($tag, 'preloaded', (string) count($preloaded));
}

function phpfleet_is_own($path)
{
    return strpos($path, '/.phpfleet-probe/') !== false;
}

// What is discarded stays in the table, with no time of its source, until a restart; nobody is served with it.
function phpfleet_is_served($path, $time)
{
    return $time !== '' && $time != 0 || phpfleet_is_cached($path) !== false;
}

function phpfleet_scripts()
{
    if (!phpfleet_can('scripts', 'opcache_get_status', 'Zend OPcache')) {
        return;
    }
    if (function_exists('ini_set') && function_exists('ini_get') && ini_get('memory_limit') != -1) {
        ini_set('memory_limit', '1G');
    }
    $status = opcache_get_status(true);
    if (!is_array($status) || !isset($status['scripts'])) {
        $why = phpfleet_noted('OPcache lists none: it is off, keeps none in memory, or a restart of it is pending');
        phpfleet_say('reason', 'scripts', $why);
        return;
    }
    if (isset($status['preload_statistics']['scripts'])) {
        foreach ($status['preload_statistics']['scripts'] as $path) {
            phpfleet_say('preloaded', $path);
        }
    }
    $bytes = 0;
    foreach ($status['scripts'] as $path => $script) {
        $path = isset($script['full_path']) ? $script['full_path'] : $path;
        $time = isset($script['timestamp']) ? (string) $script['timestamp'] : '';
        if ($path === '$PRELOAD$' || phpfleet_is_own($path) || !phpfleet_is_served($path, $time)) {
            continue;
        }
        $bytes += strlen($path) + %SCRIPT_BYTES%;
        if ($bytes > %SCRIPTS_BYTES%) {
            phpfleet_say('reason', 'scripts', 'their list is longer than %SCRIPTS_BYTES% bytes');
            return;
        }
        $used = isset($script['last_used_timestamp']) ? (string) $script['last_used_timestamp'] : '';
        phpfleet_say('script', $path, $time, $used);
    }
    phpfleet_say('scripts', '');
}

function phpfleet_apcu()
{
    if (!phpfleet_can('apcu', 'apcu_cache_info', 'apcu') || !phpfleet_can('apcu', 'apcu_sma_info', 'apcu')) {
        return;
    }
    $info = apcu_cache_info(true);
    $memory = is_array($info) ? apcu_sma_info(true) : false;
    if (!is_array($memory)) {
        phpfleet_say('reason', 'apcu', phpfleet_noted('it is switched off (apc.enabled)'));
        return;
    }
    phpfleet_figures('apcu', $info, array('entries' => 'num_entries', 'hits' => 'num_hits', 'misses' => 'num_misses',
        'expunges' => isset($info['expunges']) ? 'expunges' : 'num_expunges', 'started' => 'start_time'));
    phpfleet_say('apcu', 'memory', phpfleet_number($memory['num_seg'] * $memory['seg_size']));
    phpfleet_figures('apcu', $memory, array('free' => 'avail_mem'));
}

// Returns Yac, or says why there is none.
function phpfleet_yac($reason)
{
    if (!class_exists('Yac', false)) {
        $loaded = function_exists('extension_loaded') && extension_loaded('yac');
        phpfleet_say('reason', $reason, $loaded ? 'its class is switched off by disable_classes' : 'yac is not loaded');
        return null;
    }
    $class = 'Yac';
    phpfleet_noted('');
    try {
        return new $class();
    } catch (Exception $exception) {
        phpfleet_say('reason', $reason, $exception->getMessage());
    } catch (Throwable $exception) {
        phpfleet_say('reason', $reason, $exception->getMessage());
    }
    return null;
}

function phpfleet_look_yac()
{
    $yac = phpfleet_yac('yac');
    $info = $yac ? $yac->info() : null;
    if ($yac && !is_array($info)) {
        phpfleet_say('reason', 'yac', phpfleet_noted('it is switched off (yac.enable)'));
    }
    phpfleet_figures('yac', $info, array('memory' => 'memory_size', 'slots' => 'slots_size',
        'slots_used' => 'slots_used', 'hits' => 'hits', 'misses' => 'miss', 'kicks' => 'kicks'));
}

// An entry that only says what follows from the one of its directory is left out.
function phpfleet_realpath()
{
    if (!phpfleet_can('realpath', 'realpath_cache_get', 'standard')
        || !phpfleet_can('realpath', 'realpath_cache_size', 'standard')) {
        return;
    }
    $entries = realpath_cache_get();
    phpfleet_say('realpath', 'used', (string) realpath_cache_size());
    phpfleet_say('realpath', 'entries', (string) count($entries));
    $now = time();
    $links = 0;
    foreach ($entries as $path => $entry) {
        $path = (string) $path;
        if ($entry['realpath'] === $path || $entry['expires'] < $now || phpfleet_is_own($path)) {
            continue;
        }
        $slash = strrpos($path, '/');
        $above = substr($path, 0, (int) $slash);
        if (isset($entries[$above]) && $entries[$above]['expires'] >= $now
            && $entries[$above]['realpath'] . substr($path, (int) $slash) === $entry['realpath']) {
            continue;
        }
        phpfleet_say('link', $path, $entry['realpath']);
        if (++$links >= %LINKS_LIMIT%) {
            break;
        }
    }
}

function phpfleet_reset($cache)
{
    $functions = array('opcache' => array('opcache_reset', 'Zend OPcache'), 'apcu' => array('apcu_clear_cache', 'apcu'),
        'realpath' => array('clearstatcache', 'standard'));
    $done = null;
    if ($cache === 'yac') {
        $yac = phpfleet_yac('reset_yac');
        $done = $yac ? $yac->flush() : null;
    } elseif (isset($functions[$cache])
        && phpfleet_can('reset_' . $cache, $functions[$cache][0], $functions[$cache][1])) {
        if ($cache === 'opcache') {
            phpfleet_look('opcache_before');
            $done = opcache_reset();
        } elseif ($cache === 'apcu') {
            $done = apcu_clear_cache();
        } else {
            clearstatcache(true);
            $done = true;
        }
    }
    if ($done !== null) {
        phpfleet_say('returned', $cache, $done ? '1' : '0');
    }
    if ($done === false) {
        phpfleet_say('reason', 'reset_' . $cache, phpfleet_noted('it returned false'));
    }
}

function phpfleet_is_cached($path)
{
    return function_exists('opcache_is_script_cached') ? opcache_is_script_cached($path) : null;
}

function phpfleet_invalidate($paths)
{
    if (!$paths || !phpfleet_can('invalidate', 'opcache_invalidate', 'Zend OPcache')) {
        return;
    }
    foreach ($paths as $path) {
        $done = opcache_invalidate($path, true);
        $cached = phpfleet_is_cached($path);
        phpfleet_say('invalidated', $path, ($cached === null ? $done : !$cached) ? '1' : '0');
    }
    if (!$done) {
        phpfleet_say('reason', 'invalidate', phpfleet_noted('opcache_invalidate() returned false'));
    }
}

function phpfleet_why_not($path)
{
    $noted = phpfleet_noted('');
    if ($noted !== '') {
        return $noted;
    }
    $status = function_exists('opcache_get_status') ? opcache_get_status(false) : null;
    if (is_array($status) && !empty($status['restart_pending'])) {
        return 'OPcache keeps nothing while a restart of it is pending';
    }
    if (is_array($status) && !empty($status['cache_full'])) {
        return 'OPcache is full';
    }
    $protected = function_exists('ini_get') ? (int) ini_get('opcache.file_update_protection') : 0;
    if ($protected && function_exists('filemtime') && filemtime($path) > time() - $protected) {
        return 'it is newer than opcache.file_update_protection allows';
    }
    return 'OPcache compiled it and did not keep it, as one of its blacklist, or larger than opcache.max_file_size';
}

function phpfleet_last_error()
{
    $error = function_exists('error_get_last') ? error_get_last() : null;
    return is_array($error) ? $error['message'] . ' in line ' . $error['line'] : '';
}

function phpfleet_compile_one($path)
{
    if (function_exists('is_file') && !is_file($path)) {
        phpfleet_say('compiled', $path, 'there is no such file');
        return;
    }
    $done = false;
    phpfleet_noted('');
    $before = phpfleet_last_error();
    try {
        $done = opcache_compile_file($path);
    } catch (Exception $exception) {
        phpfleet_note(0, $exception->getMessage() . ' in line ' . $exception->getLine());
    } catch (Throwable $exception) {
        phpfleet_note(0, $exception->getMessage() . ' in line ' . $exception->getLine());
    }
    $cached = $done && phpfleet_is_cached($path) !== false;
    $error = phpfleet_last_error();
    if ($error !== $before) {
        phpfleet_note(0, $error);
    }
    phpfleet_say('compiled', $path, $cached ? '' : phpfleet_why_not($path));
}

function phpfleet_compile($paths)
{
    if (!$paths || !phpfleet_can('compile', 'opcache_compile_file', 'Zend OPcache')) {
        return;
    }
    $end = microtime(true) + %COMPILE_SECONDS%;
    foreach ($paths as $path) {
        phpfleet_compile_one($path);
        if (function_exists('flush')) {
            flush();
        }
        if (microtime(true) > $end) {
            break;
        }
    }
}

function phpfleet_pid()
{
    if (function_exists('getmypid')) {
        return (int) getmypid();
    }
    return function_exists('posix_getpid') ? (int) posix_getpid() : 0;
}

function phpfleet_settings()
{
    if (!function_exists('ini_get')) {
        phpfleet_say('reason', 'settings', 'ini_get() is switched off by disable_functions');
        return;
    }
    foreach (array(%SETTINGS%) as $name) {
        $value = ini_get($name);
        if ($value !== false) {
            phpfleet_say('setting', $name, (string) $value);
        }
    }
}

function phpfleet_body()
{
    if (function_exists('file_get_contents')) {
        return (string) file_get_contents('php://input');
    }
    $body = '';
    $opened = function_exists('fopen') && function_exists('fread') ? fopen('php://input', 'rb') : false;
    while ($opened && !feof($opened)) {
        $body .= fread($opened, 65536);
    }
    return $body;
}

function phpfleet_paths($task)
{
    $paths = explode("\0", $task['invalidate'] || $task['compile'] ? phpfleet_body() : '');
    array_pop($paths);
    return $paths;
}

function phpfleet_run($task)
{
    phpfleet_say('pid', '', (string) phpfleet_pid());
    phpfleet_say('version', '', PHP_VERSION);
    phpfleet_settings();
    foreach (explode(',', $task['reset']) as $cache) {
        phpfleet_reset($cache);
    }
    $paths = phpfleet_paths($task);
    phpfleet_invalidate(array_slice($paths, 0, (int) $task['invalidate']));
    phpfleet_compile(array_slice($paths, (int) $task['invalidate']));
    phpfleet_look('opcache');
    phpfleet_apcu();
    phpfleet_look_yac();
    phpfleet_realpath();
    if ($task['scripts']) {
        phpfleet_scripts();
    }
    phpfleet_say('now', '', sprintf('%F', microtime(true)));
    phpfleet_say('end', '', (string) ($GLOBALS['phpfleet_pieces'] + 1));
}

$phpfleet_noted = '';
$phpfleet_pieces = 0;
$phpfleet_ended = false;
if (function_exists('error_reporting')) {
    error_reporting(0);
}
if (function_exists('ini_set')) {
    ini_set('display_errors', '0');
}
if (function_exists('set_error_handler')) {
    set_error_handler('phpfleet_note');
}
while (function_exists('ob_get_level') && ob_get_level() > 0 && function_exists('ob_end_clean') && ob_end_clean()) {
}
if (function_exists('register_shutdown_function')) {
    register_shutdown_function('phpfleet_end');
}
if (function_exists('session_id') && session_id() && function_exists('session_destroy')) {
    session_destroy(); // session.auto_start began it
}
echo $phpfleet_task['marker'];
phpfleet_run($phpfleet_task);
$phpfleet_ended = true;
"""
