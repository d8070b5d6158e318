using System.Globalization;
using System.Text.Json;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Export;

/// <summary>
/// The processed profile format of profiler.firefox.com, version 61 (docs-developer/CHANGELOG-formats.md of firefox-devtools/profiler;
/// newer viewers upgrade it): the trace's tree of stacks once, then the samples of each thread.
/// </summary>
internal sealed class FirefoxExport(
    Utf8JsonWriter json, TraceMetadata metadata, Timeline timeline, IReadOnlyList<MemoryCurve> memory, ExportWeight weight)
{
    private const int Version = 61;

    /// <summary>Of the format that browsers send, which this one once was made from.</summary>
    private const int GeckoVersion = 29;

    private const int ThreadsShown = 10;

    public static void Write(Stream output, TraceMetadata metadata, Timeline timeline, IReadOnlyList<MemoryCurve> memory, ExportWeight weight)
    {
        using var json = new Utf8JsonWriter(output);
        new FirefoxExport(json, metadata, timeline, memory, weight).Write();
    }

    private void Write()
    {
        var threads = timeline.Threads
            .OrderByDescending(thread => thread.Value.Sum(sample => sample.Weight)).ThenBy(thread => thread.Key).Select(thread => thread.Key).ToList();
        var tables = new FirefoxTables(metadata.Stacks!);
        json.WriteStartObject();
        WriteMeta(Math.Min(threads.Count, ThreadsShown));
        tables.WriteLibs(json, metadata.Arch);
        tables.WriteShared(json);
        json.WriteStartArray("threads");
        foreach (var thread in threads)
            WriteThread(thread, tables.NoStack);
        json.WriteEndArray();
        WriteCounters(threads);
        json.WriteEndObject();
    }

    private static double Milliseconds(long ns) => ns / 1e6;

    private void WriteMeta(int shown)
    {
        json.WriteStartObject("meta");
        json.WriteNumber("interval", Math.Max(Milliseconds(timeline.StepNs), 1));
        json.WriteNumber("startTime", metadata.StartedAt.ToUnixTimeMilliseconds());
        json.WriteNumber("startTimeAsClockMonotonicNanosecondsSinceBoot", metadata.ClockStartNs);
        json.WriteNumber("profilingStartTime", 0);
        json.WriteNumber("profilingEndTime", Milliseconds(metadata.DurationNs));
        json.WriteNumber("processType", 0);
        json.WriteNumber("stackwalk", 1);
        json.WriteNumber("version", GeckoVersion);
        json.WriteNumber("preprocessedProfileVersion", Version);
        json.WriteString("product", $"page faults of {RecordingText.Target(metadata)}");
        json.WriteString("importedFrom", $"faultrec {metadata.ToolVersion}");
        json.WriteString("oscpu", $"Linux {metadata.Kernel} {metadata.Arch}");
        json.WriteBoolean("symbolicated", true);
        json.WriteBoolean("symbolicationNotSupported", true);
        json.WriteBoolean("usesOnlyOneStackType", true);
        json.WriteBoolean("sourceCodeIsNotOnSearchfox", true);
        json.WriteBoolean("keepProfileThreadOrder", true);
        WriteIndices("initialVisibleThreads", shown);
        WriteIndices("initialSelectedThreads", Math.Min(shown, 1));
        json.WriteStartObject("sampleUnits");
        json.WriteString("time", "ms");
        json.WriteString("eventDelay", "ms");
        json.WriteString("threadCPUDelta", "ns");
        json.WriteEndObject();
        json.WriteStartArray("markerSchema");
        json.WriteEndArray();
        FirefoxTables.WriteCategories(json);
        json.WriteEndObject();
    }

    private void WriteIndices(string key, int count)
    {
        json.WriteStartArray(key);
        for (var i = 0; i < count; i++)
            json.WriteNumberValue(i);
        json.WriteEndArray();
    }

    private void WriteThread((int Pid, int Tid) id, int noStack)
    {
        var thread = metadata.Threads.LastOrDefault(thread => thread.Pid == id.Pid && thread.Tid == id.Tid);
        var process = metadata.Processes.LastOrDefault(process => process.Pid == id.Pid);
        json.WriteStartObject();
        json.WriteString("processType", "default");
        json.WriteNumber("processStartupTime", Milliseconds(process?.StartedNs ?? 0));
        json.WriteNullable("processShutdownTime", process?.ExitedNs is { } exited ? Milliseconds(exited) : (double?)null);
        json.WriteNumber("registerTime", Milliseconds(thread?.StartedNs ?? 0));
        json.WriteNullable("unregisterTime", thread?.ExitedNs is { } ended ? Milliseconds(ended) : (double?)null);
        json.WriteStartArray("pausedRanges");
        json.WriteEndArray();
        json.WriteString("name", thread?.Comm ?? timeline.NameOf(id));
        json.WriteBoolean("isMainThread", id.Pid == id.Tid);
        json.WriteString("processName", process?.Comm ?? timeline.NameOf(id));
        json.WriteString("pid", id.Pid.ToString(CultureInfo.InvariantCulture));
        json.WriteNumber("tid", id.Tid);
        WriteSamples(timeline.Threads[id], noStack);
        json.WriteStartObject("markers");
        foreach (var column in (string[])["data", "name", "startTime", "endTime", "phase", "category"])
        {
            json.WriteStartArray(column);
            json.WriteEndArray();
        }

        json.WriteNumber("length", 0);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>One for each process that has a thread in the profile, below which it is shown. Samples are what was added since the one before.</summary>
    private void WriteCounters(List<(int Pid, int Tid)> threads)
    {
        json.WriteStartArray("counters");
        foreach (var curve in memory)
        {
            var pid = curve.Memory.Pid;
            var thread = threads.IndexOf((pid, pid)) is >= 0 and var main ? main : threads.FindIndex(thread => thread.Pid == pid);
            if (thread < 0)
                continue;
            json.WriteStartObject();
            json.WriteString("name", "resident");
            json.WriteString("category", "Memory");
            json.WriteString("description", "Resident memory: RssAnon + RssFile + RssShmem");
            json.WriteString("pid", pid.ToString(CultureInfo.InvariantCulture));
            json.WriteNumber("mainThreadIndex", thread);
            json.WriteStartObject("samples");
            json.WriteStartArray("time");
            foreach (var i in curve.Samples)
                json.WriteNumberValue(Milliseconds(curve.Memory.TimeNs[i]));
            json.WriteEndArray();
            json.WriteStartArray("count");
            long before = 0;
            foreach (var bytes in curve.Samples.Select(curve.Memory.ResidentBytes))
            {
                json.WriteNumberValue(bytes - before);
                before = bytes;
            }

            json.WriteEndArray();
            json.WriteNumber("length", curve.Samples.Count);
            json.WriteEndObject();
            json.WriteEndObject();
            json.FlushWhenFull();
        }

        json.WriteEndArray();
    }

    private void WriteSamples(List<TimelineSample> samples, int noStack)
    {
        json.WriteStartObject("samples");
        WriteColumn("stack", samples, sample => json.WriteNumberValue(sample.Stack >= 0 ? sample.Stack : noStack));
        WriteColumn("time", samples, sample => json.WriteNumberValue(Milliseconds(sample.TimeNs)));
        if (weight == ExportWeight.Time)
            WriteColumn("weight", samples, sample => json.WriteNumberValue(Milliseconds(sample.Weight)));
        else
            WriteColumn("weight", samples, sample => json.WriteNumberValue(sample.Weight));
        json.WriteString("weightType", weight == ExportWeight.Time ? "tracing-ms" : "samples");
        json.WriteNumber("length", samples.Count);
        json.WriteEndObject();
    }

    private void WriteColumn(string key, List<TimelineSample> samples, Action<TimelineSample> write)
    {
        json.WriteStartArray(key);
        foreach (var sample in samples)
        {
            write(sample);
            json.FlushWhenFull();
        }

        json.WriteEndArray();
    }
}
