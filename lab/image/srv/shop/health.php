<?php
// What the balancer asks: PHP answered, so this host can take requests.
header('Content-Type: text/plain');
echo "ok\n";
