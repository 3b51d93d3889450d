<?php
// The page that the balancer's visitors see. It counts visits in SysV shared memory behind a semaphore, as much old PHP
// does, so a full table shows to visitors as it does in production.
header('Content-Type: application/json');

$lock = sem_get(ftok(__FILE__, 'l'));
$memory = $lock ? shm_attach(ftok(__FILE__, 'm'), 4096) : false;
if (!$memory) {
    http_response_code(500);
    exit(json_encode(['host' => gethostname(), 'error' => error_get_last()['message']]) . "\n");
}
sem_acquire($lock);
$visits = 1 + (shm_has_var($memory, 1) ? shm_get_var($memory, 1) : 0);
shm_put_var($memory, 1, $visits);
sem_release($lock);
echo json_encode(['host' => gethostname(), 'php' => PHP_VERSION, 'worker' => getmypid(), 'visits' => $visits]), "\n";
