using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Probes;
using Faultrec.Traces;
using Xunit;

namespace Faultrec.Recorder.Tests.Capture;

public sealed class TargetChoiceTests
{
    [Theory]
    [InlineData("python3", "python3", true)]
    [InlineData("python3", "python", false)]
    [InlineData("python", "python3", false)]
    [InlineData("python*", "python3", true)]
    [InlineData("python*", "python", true)]
    [InlineData("*", "", true)]
    [InlineData("*ello*", "hello world", true)]
    [InlineData("a*b*c", "a-b-b-c", true)]
    [InlineData("a*b*c", "a-c-b", false)]
    [InlineData("?at", "cat", true)]
    [InlineData("?at", "at", false)]
    [InlineData("**x", "x", true)]
    [InlineData("[anon]", "[anon]", true)]
    [InlineData("fifteen-bytes-x", "fifteen-bytes-x", true)]
    public void APatternMatchesAsInAShell(string pattern, string name, bool matches) => Assert.Equal(matches, new Glob(pattern).Matches(name));

    [Theory]
    [InlineData("")]
    [InlineData("sixteen-bytes-xy")]
    [InlineData("ääääääää")]
    public void ANameThatNoProcessCanHaveIsRefused(string pattern)
        => Assert.Equal(ExitCode.Usage, Assert.Throws<FaultrecException>(() => new Glob(pattern)).ExitCode);

    /// <summary>handle_mm_fault in its three shapes: until 4.7, until 5.8, since.</summary>
    [Theory]
    [InlineData(2, 3, ProbeConfig.NoArgument, "mm", "vma", "address", "flags")]
    [InlineData(1, 2, ProbeConfig.NoArgument, "vma", "address", "flags")]
    [InlineData(1, 2, 3, "vma", "address", "flags", "regs")]
    public void ArgumentsAreFoundByName(byte address, byte flags, byte regs, params string[] parameters)
    {
        var config = KernelFaults.From(null, null, parameters).Describe(default);

        Assert.Equal((address, flags, regs, parameters.Length), (config.ArgAddress, config.ArgFlags, config.ArgRegs, config.ArgCount));
    }

    [Fact]
    public void BitsAreTheKernelsOrElseThoseWeKnow()
    {
        var old = KernelFaults.From(null, new Dictionary<string, long>(), []).Describe(default);
        Assert.Equal((0x20u, 0x400u, 0x4u, 0x873u), (old.FlagTried, old.ResultRetry, old.ResultMajor, old.ResultError));

        var moved = new Dictionary<string, long> { ["FAULT_FLAG_TRIED"] = 0x8000 };
        Assert.Equal(0x8000u, KernelFaults.From(moved, null, []).Describe(default).FlagTried);
        Assert.Equal(0, KernelFaults.From(moved, null, []).FlagNames.GetValueOrDefault("FAULT_FLAG_WRITE"));
    }

    /// <summary>1,000 faults in 10 ms are 100,000 a second: one in ten keeps within 10,000.</summary>
    [Fact]
    public void TheGuardTakesWhatTheRateAllows()
    {
        var said = new List<string>();
        var guard = new RateGuard(10_000, 1, said.Add);

        Assert.Equal(1u, guard.Every(1_000_000_000, 0));
        Assert.Equal(1u, guard.Every(1_005_000_000, 400)); // too short a time to tell
        Assert.Equal(10u, guard.Every(1_010_000_000, 1000));
        Assert.Equal(20u, guard.Every(1_020_000_000, 3000));
        Assert.Equal(1u, guard.Every(1_030_000_000, 3001));
        Assert.Equal((uint)RateGuard.MaxEvery, guard.Every(1_040_000_000, 3001 + 100_000_000_000));
        Assert.Contains("one in 10", Assert.Single(said), StringComparison.Ordinal);
    }

    [Fact]
    public void TheGuardNeverTakesMoreThanWasAsked()
    {
        var guard = new RateGuard(1_000_000, 16, null);

        Assert.Equal(16u, guard.Every(1_000_000_000, 0));
        Assert.Equal(16u, guard.Every(1_020_000_000, 10));
    }
}
