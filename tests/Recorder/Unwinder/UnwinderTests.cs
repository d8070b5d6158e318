using System.Globalization;
using Faultrec.Recorder.Native;
using Xunit;

namespace Faultrec.Recorder.Tests.Unwinder;

/// <summary>
/// The probes' walk over stacks of stopped programs, by the rows that user space makes of their files, against what the programs say of
/// their own calls. No root, no kernel's help but ptrace of a child.
/// </summary>
public sealed class UnwinderTests(ChainPrograms programs) : IClassFixture<ChainPrograms>
{
    // What makes a program whose code keeps frame pointers, and says nothing of its frames.
    private const string FramePointers = "-O2 -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables";

    public static TheoryData<string, string> Programs { get; } =
    [
        .. from options in (string[])["-O2", "-O0", "-O2 -static", "-O2 -no-pie", FramePointers, $"{FramePointers} -static"]
           from how in (string[])["direct", "callback", "signal"]
           select (options, how),
    ];

    [Theory]
    [MemberData(nameof(Programs))]
    public void AChainIsWhatItsCallsReturnTo(string options, string how)
    {
        using var chain = Start(options, how);
        AssertIsChain(chain, Walk(chain), how);
    }

    /// <summary>Where no rows of a file are known, frame pointers are followed, and each such frame says so.</summary>
    [Fact]
    public void WithoutRowsFramePointersAreFollowed()
    {
        using var chain = Start(FramePointers, "signal");
        chain.Tables = ProcessTables.Of(chain.Thread.Id, file => file != chain.Program);
        var stack = Walk(chain);

        Assert.Equal(chain.Returns, stack.Ips.Where(chain.Returns.Contains));
        // _start is in the program, too, and does not keep them: rbp is 0 there.
        Assert.Equal(StackEnding.ChainEnd, stack.Ending);
        Assert.InRange(stack.Guessed, 6, 9);
    }

    /// <summary>
    /// A fault may come at any instruction: from the innermost function on the program passes through the C library, its lazy binding and the
    /// kernel's own library, step by step.
    /// </summary>
    /// <param name="rules">That must have been met besides the usual ones.</param>
    [Theory]
    [InlineData("-O2 -Wl,-z,lazy -fcf-protection=none", "direct", nameof(CfaRule.Plt), nameof(CfaRule.Bx))]
    [InlineData("-O2 -Wl,-z,lazy -fcf-protection=full", "callback", nameof(CfaRule.Plt), nameof(CfaRule.Bx))]
    [InlineData("-O2 -Wl,-z,now", "signal", nameof(CfaRule.Signal))]
    [InlineData("-O1 -static", "signal", nameof(CfaRule.Signal))]
    public void TheChainIsFoundFromEveryInstruction(string options, string how, params string[] rules)
    {
        using var chain = Start(options, how);
        var first = Walk(chain).Ips;
        var callers = first.Skip(first.ToList().IndexOf(chain.Returns[0])).ToList();
        Assert.InRange(callers.Count, chain.Returns.Count, int.MaxValue);

        chain.GoOn();
        var (instructions, unknown, wrong, met) = (0, 0, new List<string>(), new HashSet<ulong>());
        while (chain.Thread.Step())
        {
            var registers = chain.Thread.Read();
            var stack = programs.Walker.Walk(chain.Thread, registers, chain.Tables);
            instructions++;
            if (stack.Ending == StackEnding.Outermost && stack.Ips.Count > callers.Count && stack.Ips.TakeLast(callers.Count).SequenceEqual(callers))
                met.UnionWith(stack.Ips);
            // A static program's stubs for functions that it chooses at its start: no table of the file tells of them.
            else if (chain.Tables.RowOf(registers.Ip).CfaRule == CfaRule.Unknown)
                unknown++;
            else
                wrong.Add($"{chain.Tables.Place(registers.Ip)}: {stack.Ending}, {string.Join(' ', stack.Ips.Select(chain.Tables.Place))}");
        }

        Assert.InRange(instructions, 2000, 100_000);
        Assert.InRange(unknown, 0, options.Contains("-static", StringComparison.Ordinal) ? instructions / 100 : 0);
        Assert.Empty(wrong);
        HashSet<string> expected = [nameof(CfaRule.Sp), nameof(CfaRule.Bp), nameof(CfaRule.Realigned), nameof(CfaRule.Outermost), .. rules];
        Assert.Superset(expected, met.Select(ip => chain.Tables.RowOf(ip).CfaRule.ToString()).ToHashSet());
    }

    /// <summary>
    /// What the walk before had in common is not walked again. Whatever differs from then, a word of the stack or a register, the stack
    /// must be the one that a walk without any before it finds.
    /// </summary>
    [Theory]
    [InlineData("-O2", "direct")]
    [InlineData("-O2", "signal")]
    [InlineData("-O0", "callback")]
    [InlineData(FramePointers, "signal")]
    public void AStackThatHasChangedIsWalkedAnew(string options, string how)
    {
        const int words = 400;
        using var chain = Start(options, how);
        using var memory = File.OpenHandle($"/proc/{chain.Thread.Id}/mem", FileMode.Open, FileAccess.ReadWrite);
        var registers = chain.Thread.Read();
        var right = Fresh(chain, registers);
        var different = 0;
        Span<byte> value = stackalloc byte[sizeof(ulong)];
        for (var word = 0; word < words; word++)
        {
            var place = (long)registers.Sp + word * sizeof(ulong);
            if (RandomAccess.Read(memory, value, place) < value.Length)
                break;
            foreach (var (change, walks) in ((byte, int)[])[(1, 1), (0x10, 1), (1, 2), (0x10, 3)])
            {
                Remember(chain, registers, walks);
                value[0] ^= change;
                RandomAccess.Write(memory, value, place);
                different += AssertIsFresh(chain, registers, right) ? 0 : 1;
                value[0] ^= change;
                RandomAccess.Write(memory, value, place);
            }
        }

        Remember(chain, registers, 2);
        Assert.Equal(1u, programs.Walker.KnownStacks);
        // Return addresses and saved frame pointers.
        Assert.InRange(different, 4 * chain.Returns.Count, 2 * words);
        foreach (var changed in (Registers[])[registers.With(ip: 1), registers.With(sp: 8), registers.With(bp: 8), registers.With(sp: 16, bp: 16)])
        {
            Remember(chain, registers, 1);
            AssertIsFresh(chain, changed, right);
            Remember(chain, registers, 2);
            AssertIsFresh(chain, changed, right);
        }
    }

    private void Remember(Chain chain, in Registers registers, int walks)
    {
        _ = Fresh(chain, registers);
        for (var walk = 1; walk < walks; walk++)
            _ = programs.Walker.Walk(chain.Thread, registers, chain.Tables);
    }

    /// <summary>Walks after the walks before, and without one.</summary>
    /// <returns>Whether it is that stack.</returns>
    private bool AssertIsFresh(Chain chain, in Registers registers, WalkedStack before)
    {
        var recalled = programs.Walker.Walk(chain.Thread, registers, chain.Tables);
        var fresh = Fresh(chain, registers);
        Assert.Equal(fresh.Id, recalled.Id);
        Assert.Equal(fresh.Ips, recalled.Ips);
        Assert.Equal((fresh.Ending, fresh.Guessed), (recalled.Ending, recalled.Guessed));
        return fresh.Ips.SequenceEqual(before.Ips) && fresh.Ending == before.Ending;
    }

    private WalkedStack Fresh(Chain chain, in Registers registers)
    {
        programs.Walker.Forget();
        return programs.Walker.Walk(chain.Thread, registers, chain.Tables);
    }

    /// <summary>A row that is off by a word anywhere on the way shows.</summary>
    [Fact]
    public void AWrongRowIsCaught()
    {
        using var chain = Start("-O2", "signal");
        var stack = Walk(chain);
        AssertIsChain(chain, stack, "signal");

        var changed = 0;
        foreach (var ip in stack.Ips.Where(ip => chain.Tables.RowOf(ip).CfaRule is CfaRule.Sp or CfaRule.Bp))
        {
            ref var row = ref chain.Tables.RowOf(ip);
            var right = row;
            row.CfaOffset++;
            chain.Tables.ForgetCache();
            Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => AssertIsChain(chain, Walk(chain), "signal"));
            row = right;
            changed++;
        }

        Assert.InRange(changed, 6, stack.Ips.Count);
        chain.Tables.ForgetCache();
        AssertIsChain(chain, Walk(chain), "signal");
    }

    private static void AssertIsChain(Chain chain, WalkedStack stack, string how)
    {
        var ips = stack.Ips.ToList();
        Assert.Equal(chain.Returns, ips.Where(chain.Returns.Contains));
        Assert.Equal((StackEnding.Outermost, 0), (stack.Ending, stack.Guessed));
        // Nothing else lies between but the call of the library's function that calls back; and before main its two callers.
        var (innermost, main) = (ips.IndexOf(chain.Returns[0]), ips.IndexOf(chain.Returns[^1]));
        Assert.Equal(chain.Returns.Count + (how == "callback" ? 1 : 0), main - innermost + 1);
        Assert.Equal(2, ips.Count - 1 - main);
    }

    private WalkedStack Walk(Chain chain) => programs.Walker.Walk(chain.Thread, chain.Thread.Read(), chain.Tables);

    private Chain Start(string options, string how) => new(programs.Build(options), how);

    /// <summary>chain.c, stopped in its innermost function.</summary>
    private sealed class Chain : IDisposable
    {
        private readonly Descendant _process;

        public Chain(string program, string how)
        {
            Program = program;
            _process = new Descendant(program, how);
            var said = _process.Said.Skip(1).Select(line => ulong.Parse(line, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToList();
            var (interruptedAt, calls) = (said[^1], said[..^1]);
            calls.Reverse();
            var returns = calls.Select(call => call - 1).ToList();
            if (interruptedAt != 0)
                returns.Insert(returns.Count - 3, interruptedAt); // above main, second and interrupted
            Returns = returns;
            Tables = ProcessTables.Of(Thread.Id);
        }

        public string Program { get; }

        public TracedThread Thread => _process.Thread;

        public ProcessTables Tables { get; set; }

        /// <summary>The innermost first, as a walk tells them: the last byte of each call, and where the program was interrupted.</summary>
        public IReadOnlyList<ulong> Returns { get; }

        public void GoOn() => _process.Write('\n');

        public void Dispose() => _process.Dispose();
    }
}
