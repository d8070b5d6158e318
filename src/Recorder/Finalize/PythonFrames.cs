using System.Runtime.InteropServices;
using System.Text;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>The functions of Python programs that the probes have seen.</summary>
internal sealed class PythonFrames
{
    private readonly Dictionary<ulong, Code> _codes = [];
    private long _unknown;

    /// <summary>Frames whose function did not reach user space.</summary>
    public IReadOnlyList<string> Warnings => _unknown == 0 ? [] : [$"{_unknown} Python frames have no name: the ring of stacks was full"];

    /// <summary>The C function that runs Python code.</summary>
    public static bool IsInterpreter(string function)
        => function.StartsWith("_PyEval_EvalFrameDefault", StringComparison.Ordinal);

    // SAFETY: sizeof, no pointer.
    public unsafe void Add(ReadOnlySpan<byte> record)
    {
        const int texts = PythonCodeHead.FileChars + PythonCodeHead.NameChars;
        if (record.Length < sizeof(PythonCodeHead) + texts)
            return;
        var head = MemoryMarshal.Read<PythonCodeHead>(record);
        var file = record.Slice(sizeof(PythonCodeHead), PythonCodeHead.FileChars);
        var name = record.Slice(sizeof(PythonCodeHead) + PythonCodeHead.FileChars, PythonCodeHead.NameChars);
        var lines = record[(sizeof(PythonCodeHead) + texts)..];
        _codes[head.Id] = new Code(
            Text(file, head.FileLength, head.FileWidth), Text(name, head.NameLength, head.NameWidth),
            PythonLines.Make(head.Minor, (int)head.FirstLine, lines.ToArray()));
    }

    public StackFrame FrameOf(ulong code, uint offset)
    {
        if (_codes.TryGetValue(code, out var known))
            return new StackFrame { Kind = "python", Function = known.Name, File = known.File, Line = known.Lines.LineAt(offset) };
        _unknown++;
        return new StackFrame { Kind = "python" };
    }

    private static string Text(ReadOnlySpan<byte> bytes, uint length, int width)
    {
        var encoding = width switch
        {
            2 => Encoding.Unicode,
            4 => Encoding.UTF32,
            _ => Encoding.Latin1,
        };
        var size = Math.Min(length * (ulong)Math.Max(width, 1), (ulong)bytes.Length);
        var text = encoding.GetString(bytes[..(int)size]);
        return size < length * (ulong)Math.Max(width, 1) ? text + "…" : text;
    }

    private sealed record Code(string File, string Name, PythonLines Lines);
}
