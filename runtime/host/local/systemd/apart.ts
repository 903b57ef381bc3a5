/**
 * Run by the agent, as root, with descriptors 0 to 5 for a program: has systemd start `takeOver` as a unit, and ends as the program does. argv: that text, a
 * slice, and the program. Constant.
 */
const hand = String.raw`
  use POSIX ();
  my ($takeOver, $slice) = @ARGV;
  $^F = 255;
  pipe(my $end, my $tell) or die "no pipe: $!\n";
  my @unit = ("--slice=$slice", "--description=wcp360 program of a tenant", "--service-type=notify", "--collect");
  push(@unit, map { "--property=$_" } qw(KillSignal=SIGKILL OOMPolicy=continue));
  my @command = ("/usr/bin/perl", "-e", $takeOver, "--", $$, fileno($tell));
  system("/usr/bin/systemd-run", "--quiet", @unit, "--", @command) == 0 or exit 1;
  close($tell);
  POSIX::close($_) for 0 .. 5;
  my $code = <$end>;
  POSIX::_exit($code // 128 + 9);`;

/**
 * Run by systemd, as root and under no rules of the agent's: takes the descriptors, the program and the environment of the process that asked for it, runs
 * that, and tells how it ended. It ends with that process, and with it all of its unit. argv: a process id, and a descriptor there. Constant.
 *
 * What people run stands in no property of the unit: systemd would put variables into it, and show it to everybody.
 * pidfd_open(2) and pidfd_getfd(2) have the same numbers on every architecture.
 */
const takeOver = String.raw`
  use POSIX ();
  use Socket ();
  my ($asker, $tell) = @ARGV;
  my $asking = pidfd($asker);
  my ($told, @taken) = map { taken($_) } $tell, 0 .. 5;
  my %variables = map { split /=/, $_, 2 } wordsOf("environ");
  my (undef, undef, undef, undef, undef, undef, @program) = wordsOf("cmdline");
  my $child = fork() // die "cannot fork: $!\n";
  if ($child == 0) {
    POSIX::dup2($taken[$_], $_) // POSIX::_exit(126) for 0 .. 5;
    POSIX::close($_) for 6 .. 31;
    %ENV = %variables;
    exec { $program[0] } @program;
    POSIX::_exit(127);
  }
  my $running = pidfd($child);
  socket(my $manager, Socket::AF_UNIX(), Socket::SOCK_DGRAM(), 0) or die "no socket: $!\n";
  send($manager, "READY=1", 0, Socket::pack_sockaddr_un($ENV{NOTIFY_SOCKET} =~ s/^@/\0/r)) or die "not told: $!\n";
  POSIX::close($_) for @taken;
  my $ended = "";
  vec($ended, $_, 1) = 1 for $asking, $running;
  select($ended, undef, undef, undef);
  exit 0 if waitpid($child, POSIX::WNOHANG()) != $child;
  POSIX::write($told, $? & 127 ? 128 + ($? & 127) : $? >> 8, 3);

  sub wordsOf {
    my ($name) = @_;
    open(my $file, "<", "/proc/$asker/$name") or die "no $name: $!\n";
    my @words = split /\0/, join("", <$file>), -1;
    pop(@words);
    return @words;
  }

  sub pidfd {
    my ($pid) = map { $_ + 0 } @_;
    my $fd = syscall(434, $pid, 0);
    return $fd < 0 ? die "no process $pid: $!\n" : $fd;
  }

  sub taken {
    my ($theirs) = map { $_ + 0 } @_;
    my $fd = syscall(438, $asking, $theirs, 0);
    return $fd < 0 ? die "descriptor $theirs cannot be taken: $!\n" : $fd;
  }`;

/**
 * Words before a program that has it run in a slice as a unit of its own, with the descriptors 0 to 5 and the environment of whoever starts them: a child, as
 * in a scope, would stay under what the agent's own unit is forbidden, and no sandbox can be built there.
 */
export function apartWords(slice: string): readonly string[] {
  return ['/usr/bin/perl', '-e', hand, '--', takeOver, `${slice}.slice`];
}
