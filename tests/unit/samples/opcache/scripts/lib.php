<?php
namespace App; 
/** doc */
class Base { const A = ['x' => 1, 'y' => [2, 3]]; protected ?string $name = 'n'; public function greet(string $who = 'world'): string { return "hello $who"; } }
final class Service extends Base { private static int $count = 0; public function run(): string { self::$count++; return $this->greet() . ' ' . self::$count . ' ' . implode(',', array_map(fn ($v) => $v * 2, self::A['y'])); } }
function helper(int ...$n): int { return array_sum($n); }
