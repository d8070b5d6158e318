using System.Text.Json.Nodes;

namespace Faultrec.Kernels.Tests;

/// <summary>One recording in a guest: what the program said, and what info and report make of the trace.</summary>
internal sealed class Recording
{
    private readonly JsonNode _said;
    private readonly JsonNode _info;
    private readonly JsonNode _report;

    public Recording(GuestRun guest, Rung rung, Workload workload)
    {
        var record = guest[Plan.Step(rung, workload, "record")];
        Assert.True(record.Status == 0, $"record --backend {rung} ended with status {record.Status}: {Tail(record.Error)}");
        _said = Json(record);
        _info = Json(guest[Plan.Step(rung, workload, "info")]);
        _report = Json(guest[Plan.Step(rung, workload, "report")]);
    }

    public string Backend => _info["backend"]!.GetValue<string>();

    public bool IsComplete => _info["receipt"]!["complete"]!.GetValue<bool>();

    /// <summary>What the kernel counted for the program and its children, exec's own faults included.</summary>
    public (long Minor, long Major) Getrusage
        => (Number(_said["minflt"]) + Number(_said["children_minflt"]), Number(_said["majflt"]) + Number(_said["children_majflt"]));

    public (long Minor, long Major) Rows => Counts(_report["totals"]!);

    public long Failed => Number(_report["totals"]!["failed"]);

    /// <summary>Rows of the program's processes, without those of the shell that started it.</summary>
    public (long Minor, long Major) RowsOfTheProgram
    {
        get
        {
            var counts = Programs.Select(process => Counts(process!)).ToList();
            return (counts.Sum(count => count.Minor), counts.Sum(count => count.Major));
        }
    }

    /// <summary>Regions of the program that faulted, by name; the report has the most faulted first. Failed faults do not count.</summary>
    public IEnumerable<ReportedRegion> Regions
    {
        get
        {
            var pids = Programs.Select(process => Number(process!["pid"])).ToHashSet();
            return _report["regions"]!.AsArray().Where(region => pids.Contains(Number(region!["pid"])))
                .Select(region => new ReportedRegion(region!["name"]!.GetValue<string>(), Number(region["pages"]), Counts(region)));
        }
    }

    /// <summary>Name and faults.</summary>
    public IEnumerable<(string Name, long Faults)> Phases
        => _report["phases"]!.AsArray().Select(phase => (phase!["phase"]!.GetValue<string>(), Number(phase["faults"])));

    public long Receipt(string key) => Number(_info["receipt"]![key]);

    private IEnumerable<JsonNode?> Programs => _report["processes"]!.AsArray().Where(process => process!["comm"]!.GetValue<string>() != "sh");

    /// <summary>The last lines: a verifier's log is long, and says at its end what was wrong.</summary>
    public static string Tail(string text) => string.Join('\n', text.Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(15));

    public static JsonNode Json(StepResult step)
    {
        Assert.True(step.Status == 0, $"{step.Name} ended with status {step.Status}: {Tail(step.Error)}");
        return JsonNode.Parse(step.Output)!;
    }

    /// <summary>One a line.</summary>
    public static IReadOnlyList<JsonNode> Documents(StepResult step)
    {
        Assert.True(step.Status == 0, $"{step.Name} ended with status {step.Status}: {Tail(step.Error)}");
        return [.. step.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }

    private static (long Minor, long Major) Counts(JsonNode node) => (Number(node["minor"]), Number(node["major"]));

    private static long Number(JsonNode? node) => node!.GetValue<long>();
}

/// <summary>A line of the report's regions.</summary>
internal sealed record ReportedRegion(string Name, long Pages, (long Minor, long Major) Counted)
{
    public long Faults => Counted.Minor + Counted.Major;
}
