using System.Globalization;
using System.Text.Json;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Export;

/// <summary>
/// speedscope's own file format (https://www.speedscope.app/file-format-schema.json): the functions once, then a sampled profile a
/// thread, most weight first, whose samples are its different stacks with the sum of their weights.
/// </summary>
internal static class SpeedscopeExport
{
    public static void Write(Stream output, TraceMetadata metadata, string name, FunctionTree tree, TaskStackAggregate weights, ExportWeight weight)
    {
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteString("$schema", "https://www.speedscope.app/file-format-schema.json");
        json.WriteString("name", name);
        json.WriteString("exporter", $"faultrec@{metadata.ToolVersion}");
        json.WriteNumber("activeProfileIndex", 0);
        json.WriteStartObject("shared");
        json.WriteStartArray("frames");
        foreach (var box in tree.Boxes)
        {
            json.WriteStartObject();
            json.WriteString("name", box.Name);
            if (box.File is { } file)
                json.WriteString("file", file);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartArray("profiles");
        foreach (var (title, samples) in Threads(metadata, weights))
            WriteProfile(json, title, tree, samples, weight);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    // A thread that changed its name is one thread.
    private static IEnumerable<(string Title, List<KeyValuePair<int, long>> Samples)> Threads(TraceMetadata metadata, TaskStackAggregate weights)
    {
        var names = metadata.Threads.ToLookup(thread => (thread.Pid, thread.Tid), thread => thread.Comm);
        var threads = new List<(int Pid, int Tid, string Title, List<KeyValuePair<int, long>> Samples, long Sum)>();
        foreach (var thread in weights.ByTask.GroupBy(pair => (pair.Key.Pid, pair.Key.Tid)))
        {
            var samples = thread.SelectMany(pair => pair.Value).GroupBy(pair => pair.Key, pair => pair.Value)
                .Select(node => KeyValuePair.Create(node.Key, node.Sum())).OrderBy(pair => pair.Key).ToList();
            var name = names[thread.Key].LastOrDefault() ?? thread.First().Key.Comm;
            var ids = thread.Key.Pid == thread.Key.Tid ? $"pid {thread.Key.Pid}" : $"pid {thread.Key.Pid}, tid {thread.Key.Tid}";
            threads.Add((thread.Key.Pid, thread.Key.Tid, string.Create(CultureInfo.InvariantCulture, $"{name} ({ids})"), samples,
                samples.Sum(pair => pair.Value)));
        }

        return threads.OrderByDescending(thread => thread.Sum).ThenBy(thread => thread.Pid).ThenBy(thread => thread.Tid)
            .Select(thread => (thread.Title, thread.Samples));
    }

    private static void WriteProfile(Utf8JsonWriter json, string title, FunctionTree tree, List<KeyValuePair<int, long>> samples, ExportWeight weight)
    {
        json.WriteStartObject();
        json.WriteString("type", "sampled");
        json.WriteString("name", title);
        json.WriteString("unit", weight == ExportWeight.Time ? "nanoseconds" : "none");
        json.WriteNumber("startValue", 0);
        json.WriteNumber("endValue", samples.Sum(pair => pair.Value));
        json.WriteStartArray("samples");
        foreach (var (node, _) in samples)
        {
            json.WriteStartArray();
            foreach (var box in tree.PathOf(node))
                json.WriteNumberValue(box);
            json.WriteEndArray();
            json.FlushWhenFull();
        }

        json.WriteEndArray();
        json.WriteStartArray("weights");
        foreach (var (_, sum) in samples)
        {
            json.WriteNumberValue(sum);
            json.FlushWhenFull();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
