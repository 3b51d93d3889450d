<?php
// Copyright: (c) 2026, phpfleet.remediation contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
//
// one_pool.php SOCKET EXPRESSION: what a tool that is written in PHP does at the least to reach one pool. It starts,
// writes a script into the directory for temporary files where anybody may read it, has the pool run it by FastCGI,
// and takes it away. Whatever the function returned, the tool ends with 0.
// It stands for cachetool, which does the same and more: it loads a phar with a framework, and asks the pool at each
// start whether it has the extension.

const BEGIN_REQUEST = 1, PARAMETERS = 4, INPUT = 5, OUTPUT = 6;

function record(int $type, string $content): string
{
    return pack('CCnnCx', 1, $type, 1, strlen($content), 0) . $content;
}

function parameter(string $name, string $value): string
{
    return pack('CC', strlen($name), strlen($value)) . $name . $value;
}

function answer(string $socket, string $script): string
{
    $peer = stream_socket_client("unix://$socket", $error, $message, 5);
    $parameters = parameter('REQUEST_METHOD', 'POST') . parameter('SCRIPT_FILENAME', $script);
    fwrite($peer, record(BEGIN_REQUEST, pack('nCx5', 1, 0)) . record(PARAMETERS, $parameters) . record(PARAMETERS, '')
        . record(INPUT, ''));
    $said = stream_get_contents($peer);
    $output = '';
    for ($offset = 0; $offset < strlen($said); $offset += 8 + $header['length'] + $header['padding']) {
        $header = unpack('Cversion/Ctype/nrequest/nlength/Cpadding', $said, $offset);
        if ($header['type'] === OUTPUT) {
            $output .= substr($said, $offset + 8, $header['length']);
        }
    }
    return substr($output, strpos($output, "\r\n\r\n") + 4);
}

[, $socket, $expression] = $argv;
$script = sprintf('%s/one-pool-%s.php', sys_get_temp_dir(), uniqid('', true));
touch($script);
chmod($script, 0666);
file_put_contents($script, "<?php echo serialize(array('result' => $expression));");
unserialize(answer($socket, $script));
unlink($script);
