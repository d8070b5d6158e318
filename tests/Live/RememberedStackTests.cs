using System.Globalization;
using System.Text.RegularExpressions;

namespace Faultrec.Live.Tests;

/// <summary>A stack that a probe remembered and did not walk is the one that a walk would have found (FAULTREC_CHECK_STACKS walks each as well).</summary>
public sealed partial class RememberedStackTests : LiveTest
{
    private const string Recursion =
        """
        def touch(depth, size):
            held = bytearray(size)
            if depth:
                return touch(depth - 1, size) + len(held)
            return sum(len(bytearray(9000 + i)) for i in range(50))

        for i in range(40):
            touch(i * 7 % 60, 5000)
        """;

    public static TheoryData<string, string[]> Programs => new()
    {
        { Checkout.Fixture("callchain"), ["300"] },
        { Checkout.Fixture("callchain_static"), ["300"] },
        { Checkout.Fixture("kernel_touch"), ["100"] },
        { Checkout.Fixture("threads"), ["4", "500"] },
        { Checkout.Fixture("reservers"), ["200"] },
        { Checkout.Fixture("stack_grow"), ["300"] },
        { "python3", ["-c", Recursion] },
        { "sh", ["-c", "for i in 1 2 3 4 5 6 7 8; do ls / >ls.$i; done; python3 -c 'import json, re'"] },
    };

    [Theory]
    [MemberData(nameof(Programs))]
    public void EachIsTheOneThatAWalkFinds(string program, string[] arguments)
    {
        var circumstances = InFolder with { Environment = new Dictionary<string, string?> { ["FAULTREC_CHECK_STACKS"] = "1" } };
        var result = Running.ToEnd(circumstances, Checkout.Faultrec, ["record", "--stacks", "-o", TracePath, "--", program, .. arguments]);
        Assert.Equal(0, result.Status);

        var rows = Rows.Read(TracePath);
        var found = Assert.Single(rows.Metadata.StackRecording!.Warnings.Select(line => Checks().Match(line)), match => match.Success);
        Assert.Equal("0", found.Groups["different"].Value);
        // Most faults have callers in common with the one before.
        Assert.InRange(long.Parse(found.Groups["checked"].Value, CultureInfo.InvariantCulture), rows.All.Count / 2, long.MaxValue);
    }

    [GeneratedRegex("^FAULTREC_CHECK_STACKS: (?<checked>[0-9]+) remembered stacks were walked as well, (?<different>[0-9]+) differed$")]
    private static partial Regex Checks();
}
