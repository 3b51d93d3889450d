<?php
// Counts visits in SysV shared memory behind a semaphore, as much old PHP does.

/** How many visits there were with this one; throws when the host has no room for another segment or semaphore. */
function count_visit(string $page): int
{
    $lock = @sem_get(ftok($page, 'l'));
    $memory = $lock ? @shm_attach(ftok($page, 'm'), 4096) : false;
    if (!$memory) {
        throw new RuntimeException(error_get_last()['message']);
    }
    sem_acquire($lock);
    $visits = 1 + (shm_has_var($memory, 1) ? shm_get_var($memory, 1) : 0);
    shm_put_var($memory, 1, $visits);
    sem_release($lock);
    return $visits;
}
