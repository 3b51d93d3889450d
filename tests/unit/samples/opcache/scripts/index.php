<?php require __DIR__ . '/lib.php'; echo (new App\Service)->run(), ' ', App\helper(1, 2, 3), "\n";
