<?php
// The page that the balancer's visitors see. A full table of SysV IPC shows to them as it does in production.
require __DIR__ . '/lib/visits.php';

header('Content-Type: application/json');
$page = ['host' => gethostname(), 'php' => PHP_VERSION, 'worker' => getmypid()];
try {
    $page['visits'] = count_visit(__FILE__);
} catch (RuntimeException $error) {
    http_response_code(500);
    $page = ['host' => gethostname(), 'error' => $error->getMessage()];
}
echo json_encode($page), "\n";
