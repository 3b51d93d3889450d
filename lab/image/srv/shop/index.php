<?php
// The page that the balancer's visitors see: who answered.
header('Content-Type: application/json');
echo json_encode(['host' => gethostname(), 'php' => PHP_VERSION, 'worker' => getmypid()]), "\n";
