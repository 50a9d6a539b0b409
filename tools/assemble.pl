#!/usr/bin/perl
# Writes the install script from the parts in src/, rooms in the order of src/LAYERS:
#   begin.sql, each <room>.sql and its further <room>_*.sql, the statements of each <room>_tables.sql and
#   <room>_views.sql as rows of attest_internal.setup_step, setup.sql, end.sql.
# A statement of a tables or views file ends with a semicolon at the end of a line.
use strict;
use warnings;

sub slurp {
    my ($path) = @_;
    open my $fh, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;
    return <$fh>;
}

sub statements {
    my ($path) = @_;
    return () unless -e $path;
    my $text = slurp($path);
    $text =~ s/^--.*\n//mg;
    my @statements = grep { /\S/ } split /;\n/, $text;
    for (@statements) {
        s/^\s+|\s+$//g;
        die "$path: a statement holds \$step\$\n" if /\$step\$/;
    }
    return @statements;
}

my @rooms = map { /^(\w+):/ ? $1 : () } split /\n/, slurp('src/LAYERS');
binmode STDOUT, ':encoding(UTF-8)';

print slurp('src/begin.sql');
for my $room (@rooms) {
    for my $part ("src/$room/$room.sql", sort glob "src/$room/${room}_*.sql") {
        print "\n", slurp($part) if -e $part && $part !~ /_(tables|views)\.sql$/;
    }
}

my $position = 0;
for my $kind ('table', 'view') {
    for my $room (@rooms) {
        my $step = 0;
        for my $statement (statements("src/$room/${room}_${kind}s.sql")) {
            $position++;
            $step++;
            print "\nINSERT INTO attest_internal.setup_step VALUES ($position, '$room', $step, '$kind', \$step\$\n$statement\n\$step\$);\n";
        }
    }
}
print "\n", slurp('src/setup.sql');
print "\n", slurp('src/end.sql');
