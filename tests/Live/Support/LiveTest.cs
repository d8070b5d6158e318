using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Faultrec.Traces.Metadata;
using Xunit.Sdk;
using Xunit.v3;

// One recording at a time: two at once would disturb each other's counts of lost events.
[assembly: Parallelization(Mode = ParallelMode.None)]

namespace Faultrec.Live.Tests;

/// <summary>A test that records for real; it is skipped, with the doctor's reason, where that is not possible.</summary>
public abstract class LiveTest : IDisposable
{
    private static readonly Lazy<string?> Obstacle = new(FindObstacle);

    private readonly TempFolder _folder = new();

    protected LiveTest()
    {
        if (Obstacle.Value is not { } reason)
            return;
        _folder.Dispose();
        Assert.Skip(reason);
    }

    private protected TempFolder Folder => _folder;

    private protected string TracePath => _folder["trace.parquet"];

    public void Dispose()
    {
        Cleanup();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>What a test leaves that the folder's end does not take away.</summary>
    protected virtual void Cleanup()
    {
    }

    /// <summary>Records a fixture to its end.</summary>
    private protected (JsonObject Said, Rows Rows) RecordFixture(string fixture, params string[] arguments)
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "-o", TracePath, "--", Checkout.Fixture(fixture), .. arguments]);
        Assert.Equal(0, result.Status);
        var rows = Rows.Read(TracePath);
        AssertWhole(rows);
        return (Said(result.Output), rows);
    }

    private protected Circumstances InFolder => new() { Folder = _folder.Path };

    /// <summary>Attaches; comes back when the recording has begun. The spool is written to only after that.</summary>
    private protected Running StartRecording(string firstOption, params string[] more)
    {
        var recorder = Running.Start(InFolder, Checkout.Faultrec, ["record", "-o", TracePath, firstOption, .. more]);
        WaitForSpool(recorder);
        return recorder;
    }

    private protected void WaitForSpool(Running recorder) => Running.Until(
        () => new FileInfo(TracePath + ".spool") is { Exists: true, Length: > 0 }
            || (!Directory.Exists($"/proc/{recorder.Pid}") ? throw new InvalidOperationException(recorder.ErrorSoFar) : false),
        "the recording has begun");

    /// <summary>What holds for every recording that nothing disturbed.</summary>
    private protected static void AssertWhole(Rows rows)
    {
        var receipt = rows.Receipt;
        Assert.Equal(0, receipt.Lost);
        Assert.Equal(0, receipt.LostSideband);
        Assert.Equal(rows.All.Count, receipt.Events);
        Assert.True(receipt.Complete);
        Assert.Equal(rows.All.Select(row => row.TimeNs).Order(), rows.All.Select(row => row.TimeNs));
        Assert.Equal(0, receipt.WithoutRegion);
        Assert.Equal(0, receipt.WithoutEntry);
        Assert.Equal(0, receipt.WithoutOutcome);
        Assert.All(rows.All, row => Assert.True(row.DurationNs > 0));
        Assert.All(rows.All, row => Assert.InRange(row.Address, row.Region!.Start, row.Region.End - 1));
        Assert.All(rows.All, row => Assert.Equal(row.Pid, row.Region!.Pid));
        Assert.All(rows.All, row => Assert.Equal(row.RegionName, row.Region!.Name));
    }

    /// <summary>
    /// Of a target that was attached to: while other tools' BPF programs run beside the test the kernel leaves ours out now and then.
    /// Then the receipt says how often, and is not complete.
    /// </summary>
    private protected static void AssertAccounted(Receipt receipt)
    {
        var counted = receipt.KernelMinor!.Value + receipt.KernelMajor!.Value;
        Assert.Equal(counted, receipt.Events - receipt.Failed + receipt.SampledOut + receipt.InCalls + receipt.KernelExec + receipt.Lost + receipt.Missed);
        Assert.InRange(receipt.Missed, 0, 1 + (counted / 500));
        Assert.Equal(receipt is { Missed: 0, Lost: 0, LostSideband: 0 }, receipt.Complete);
    }

    /// <summary>The fixture's line of JSON.</summary>
    private protected static JsonObject Said(string output) => JsonNode.Parse(output)!.AsObject();

    private protected static long Number(JsonObject said, string key) => said[key]!.GetValue<long>();

    private protected static ulong Address(JsonObject said, string key)
        => ulong.Parse(said[key]!.GetValue<string>()["0x".Length..], NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static string? FindObstacle()
    {
        if (!Environment.IsPrivilegedProcess)
            return "recording with probes needs root";
        var doctor = Running.ToEnd(Checkout.Faultrec, "doctor", "--format", "json");
        using var diagnosis = JsonDocument.Parse(doctor.Output);
        return diagnosis.RootElement.GetProperty("can_record").GetBoolean() ? null : diagnosis.RootElement.GetProperty("verdict").GetString();
    }
}
