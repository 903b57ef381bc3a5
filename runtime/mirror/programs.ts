/**
 * Lists all that is below the working directory: for each entry three fields that end with NUL. The first one is `f` when it has the web front's group and `o`
 * when another, `r` or `u` when it cannot be read, its type as find has it, mode in octal digits, size, and time of change in seconds with their fraction; the
 * second one its path; the third one where it leads if it is a symbolic link. Of a directory that cannot be read the rest is left out.
 */
export function listCommand(uid: number, frontGid: number): readonly string[] {
  // Whoever copies reads these whatever their mode; access(2), by which find looks, knows nothing of that.
  const isOurs = ['-uid', String(uid), '-gid', String(frontGid)];
  const isReadable = [
    isOurs,
    '-o',
    '-type',
    'l',
    '-o',
    '-readable',
    '(',
    '!',
    '-type',
    'd',
    '-o',
    '-executable',
    ')',
  ].flat();
  return [
    ['/usr/bin/find', '.', '-mindepth', '1', '-ignore_readdir_race'],
    ['(', '-gid', String(frontGid), '-printf', 'f', '-o', '-printf', 'o', ')'],
    ['(', '(', isReadable, ')', '-printf', 'r', '-o', '-printf', 'u', ')'].flat(),
    ['-printf', '%y%m %s %T@\\0%P\\0%l\\0', '!', '(', isReadable, ')', '-type', 'd', '-prune'].flat(),
  ].flat();
}

/** Packs the entries whose paths come on stdin, each followed by NUL; directories without what is in them. What is gone is left out. */
export const packCommand: readonly string[] = [
  ['/usr/bin/tar', '--create', '--file=-', '--format=posix', '--pax-option=delete=atime,delete=ctime'],
  ['--numeric-owner', '--sparse', '--ignore-failed-read', '--no-recursion'],
  ['--null', '--verbatim-files-from', '--files-from=-'],
].flat();

/** GNU tar fills up what it could not read by zeros, and only says so. */
export const packsZeros = /Read error at byte/u;

/** A file that is there already is replaced, not written to. */
export const unpackCommand: readonly string[] = ['/usr/bin/tar', '--extract', '--file=-', '--no-same-owner'];

/**
 * Changes what records on stdin say, each `CHANGE MODE PATH` followed by NUL, and tells on stdout which it could not. `settle` gives an entry the group that the
 * program runs in and the mode; `stale` a time of change that no file has which was copied whole.
 */
export const amendCommand: readonly string[] = [
  '/usr/bin/perl',
  '-e',
  `use strict;
use warnings;
use Errno;
umask 0;
$/ = "\\0";
my ($group) = split / /, $);
my %change = (
  chmod => sub { chmod $_[0], $_[1] },
  mkdir => sub { mkdir($_[1], $_[0]) || ($!{EEXIST} && -d $_[1]) },
  rmdir => sub { rmdir $_[1] },
  settle => sub { chown(-1, $group, $_[1]) && chmod($_[0], $_[1]) },
  stale => sub { utime 1, 1, $_[1] },
  unlink => sub { unlink $_[1] },
);
while (my $record = <STDIN>) {
  chomp $record;
  my ($name, $mode, $path) = split / /, $record, 3;
  next if $change{$name}->(oct $mode, $path) or $!{ENOENT};
  print "$path: $!\\0";
}`,
];
