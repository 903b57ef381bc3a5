# Runs a program on a terminal of its own and passes on what is written on either side; new sizes come as lines "columns rows" on descriptor 5.
use strict;
use warnings;
use POSIX ();
use Fcntl qw(O_RDWR O_NOCTTY);

# asm-generic/ioctls.h
my ($TIOCSCTTY, $TIOCSWINSZ, $TIOCGPTN, $TIOCSPTLCK) = (0x540E, 0x5414, 0x80045430, 0x40045431);

sysopen(my $terminal, '/dev/ptmx', O_RDWR | O_NOCTTY) or die "no terminal: $!\n";
my $unlocked = my $number = pack('i', 0);
ioctl($terminal, $TIOCSPTLCK, $unlocked) or die "no terminal: $!\n";
ioctl($terminal, $TIOCGPTN, $number) or die "no terminal: $!\n";
open(my $sizes, '<&=', 5) or die "no sizes: $!\n";
sysread($sizes, my $first, 65536);
resize($first);

my $child = fork() // die "cannot fork: $!\n";
if ($child == 0) {
  POSIX::setsid();
  sysopen(my $own, '/dev/pts/' . unpack('i', $number), O_RDWR) or die "no terminal: $!\n";
  ioctl($own, $TIOCSCTTY, my $no = 0);
  POSIX::dup2(fileno($own), $_) for 0 .. 2;
  { no warnings 'exec'; exec { $ARGV[0] } @ARGV }
  print "$ARGV[0]: $!\r\n";
  POSIX::_exit(127);
}

my %open = map { fileno($_) => $_ } (*STDIN, $sizes, $terminal);
while (exists $open{ fileno($terminal) }) {
  my $ready = '';
  vec($ready, $_, 1) = 1 for keys %open;
  next if select($ready, undef, undef, undef) < 0;
  for my $fd (grep { vec($ready, $_, 1) } keys %open) {
    my $length = sysread($open{$fd}, my $text, 65536);
    if (!$length) {
      delete $open{$fd};
      # What a person types to say that no more comes.
      pass_on($terminal, "\x04") if $fd == 0;
    }
    elsif ($fd == fileno($sizes)) { resize($text) }
    else { pass_on($fd == 0 ? $terminal : *STDOUT, $text) }
  }
}
waitpid($child, 0);
exit($? & 127 ? 128 + ($? & 127) : $? >> 8);

# The last of several lines counts.
sub resize {
  my ($columns, $rows) = ($_[0] // '') =~ /(\d{1,5}) (\d{1,5})\n\z/ or return;
  my $size = pack('S4', $rows, $columns, 0, 0);
  ioctl($terminal, $TIOCSWINSZ, $size);
}

sub pass_on {
  my ($to, $text) = @_;
  while (length $text) {
    my $written = syswrite($to, $text) // return;
    substr($text, 0, $written) = '';
  }
}
