using System.Text.Json;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Export;

/// <summary>What threads of a Firefox profile share: libraries, functions, frames and the tree of stacks. A table is an object of columns.</summary>
internal sealed class FirefoxTables
{
    /// <summary>A resource that is a library (resourceTypes in src/profile-logic/data-structures.ts).</summary>
    private const int LibraryResource = 1;

    /// <summary>Beyond this a JSON number is not exact.</summary>
    private const ulong LargestAddress = 1UL << 53;

    private static readonly (string Kind, string Name, string Colour)[] Categories =
    [
        ("", "Other", "grey"), ("user", "Native", "yellow"), (FrameKinds.Kernel, "Kernel", "orange"), (FrameKinds.Jit, "JIT", "green"),
        (FrameKinds.Python, "Python", "blue"),
    ];

    private readonly StackTable _table;
    private readonly FrameNames _names;
    private readonly Strings _strings = new();
    private readonly List<int> _sources = [];
    private readonly (int Name, int Resource, int? Source)[] _functions;

    public FirefoxTables(StackTable table)
    {
        (_table, _names) = (table, new FrameNames(table));
        foreach (var module in table.Modules)
            _strings.IndexOf(FrameNames.FileName(module.Path));
        var sources = new Dictionary<int, int>();
        _functions = new (int, int, int?)[_names.FunctionCount + 1];
        for (var frame = table.Frames.Count - 1; frame >= 0; frame--)
        {
            var value = table.Frames[frame];
            var id = _names.FunctionIdOf(frame);
            int? source = null;
            if (value.File is { } file)
            {
                var name = _strings.IndexOf(file);
                if (!sources.TryGetValue(name, out var index))
                {
                    sources.Add(name, index = _sources.Count);
                    _sources.Add(name);
                }

                source = index;
            }

            _functions[id] = (_strings.IndexOf(_names.Function(id).Name), value.Module ?? -1, source);
        }

        _functions[^1] = (_strings.IndexOf(FunctionTree.NoStackName), -1, null);
    }

    /// <summary>Index of the stack of faults that have none: behind all others.</summary>
    public int NoStack => _table.NodeFrames.Count;

    public static void WriteCategories(Utf8JsonWriter json)
    {
        json.WriteStartArray("categories");
        foreach (var (_, name, colour) in Categories)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("color", colour);
            json.WriteStartArray("subcategories");
            json.WriteStringValue("Other");
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    public void WriteLibs(Utf8JsonWriter json, string arch)
    {
        json.WriteStartArray("libs");
        foreach (var module in _table.Modules)
        {
            var name = FrameNames.FileName(module.Path);
            json.WriteStartObject();
            json.WriteString("arch", arch);
            json.WriteString("name", name);
            json.WriteString("path", module.Path);
            json.WriteString("debugName", name);
            json.WriteString("debugPath", module.Path);
            json.WriteString("breakpadId", "");
            json.WriteString("codeId", module.BuildId);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    public void WriteShared(Utf8JsonWriter json)
    {
        json.WriteStartObject("shared");
        var stacks = NoStack + 1;
        Table(json, "stackTable", stacks, table => table
            .Column("frame", i => json.WriteNumberValue(i < NoStack ? _table.NodeFrames[i] : _table.Frames.Count))
            .Column("prefix", i => Number(json, i < NoStack && _table.Parents[i] >= 0 ? _table.Parents[i] : null)));
        Table(json, "frameTable", _table.Frames.Count + 1, WriteFrames);
        Table(json, "funcTable", _functions.Length, table => table
            .Column("name", i => json.WriteNumberValue(_functions[i].Name))
            .Column("isJS", _ => json.WriteBooleanValue(false))
            .Column("relevantForJS", _ => json.WriteBooleanValue(false))
            .Column("resource", i => json.WriteNumberValue(_functions[i].Resource))
            .Column("source", i => Number(json, _functions[i].Source))
            .Column("lineNumber", _ => json.WriteNullValue())
            .Column("columnNumber", _ => json.WriteNullValue()));
        Table(json, "resourceTable", _table.Modules.Count, table => table
            .Column("lib", json.WriteNumberValue)
            .Column("name", i => json.WriteNumberValue(_strings.IndexOf(FrameNames.FileName(_table.Modules[i].Path))))
            .Column("host", _ => json.WriteNullValue())
            .Column("type", _ => json.WriteNumberValue(LibraryResource)));
        Table(json, "nativeSymbols", 0, table => table
            .Column("libIndex", json.WriteNumberValue).Column("address", json.WriteNumberValue)
            .Column("name", json.WriteNumberValue).Column("functionSize", json.WriteNumberValue));
        Table(json, "sources", _sources.Count, table => table
            .Column("id", _ => json.WriteNullValue())
            .Column("filename", i => json.WriteNumberValue(_sources[i]))
            .Column("startLine", _ => json.WriteNumberValue(1))
            .Column("startColumn", _ => json.WriteNumberValue(1))
            .Column("sourceMapURL", _ => json.WriteNullValue()));
        json.WriteStartArray("stringArray");
        foreach (var text in _strings.All)
        {
            json.WriteStringValue(text);
            json.FlushWhenFull();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void WriteFrames(ColumnWriter table)
    {
        var json = table.Json;
        StackFrame? Frame(int i) => i < _table.Frames.Count ? _table.Frames[i] : null;
        table
            .Column("address", i => json.WriteNumberValue(Frame(i) is { Module: not null, Address: < LargestAddress and var address } ? (long)address : -1))
            .Column("inlineDepth", i => json.WriteNumberValue(Frame(i) is { Inlined: true } ? 1 : 0))
            .Column("category", i => json.WriteNumberValue(Math.Max(Array.FindIndex(Categories, category => category.Kind == Frame(i)?.Kind), 0)))
            .Column("subcategory", _ => json.WriteNumberValue(0))
            .Column("func", i => json.WriteNumberValue(i < _table.Frames.Count ? _names.FunctionIdOf(i) : _functions.Length - 1))
            .Column("nativeSymbol", _ => json.WriteNullValue())
            .Column("innerWindowID", _ => json.WriteNumberValue(0))
            .Column("line", i => Number(json, Frame(i)?.Line))
            .Column("column", _ => json.WriteNullValue());
    }

    private static void Number(Utf8JsonWriter json, int? value)
    {
        if (value is { } number)
            json.WriteNumberValue(number);
        else
            json.WriteNullValue();
    }

    private static void Table(Utf8JsonWriter json, string name, int rows, Action<ColumnWriter> columns)
    {
        json.WriteStartObject(name);
        json.WriteNumber("length", rows);
        columns(new ColumnWriter(json, rows));
        json.WriteEndObject();
    }

    private sealed record ColumnWriter(Utf8JsonWriter Json, int Rows)
    {
        public ColumnWriter Column(string name, Action<int> write)
        {
            Json.WriteStartArray(name);
            for (var i = 0; i < Rows; i++)
            {
                write(i);
                Json.FlushWhenFull();
            }

            Json.WriteEndArray();
            return this;
        }
    }

    private sealed class Strings
    {
        private readonly Dictionary<string, int> _indices = [];
        private readonly List<string> _texts = [];

        public IReadOnlyList<string> All => _texts;

        public int IndexOf(string text)
        {
            if (!_indices.TryGetValue(text, out var index))
            {
                _indices.Add(text, index = _texts.Count);
                _texts.Add(text);
            }

            return index;
        }
    }
}
