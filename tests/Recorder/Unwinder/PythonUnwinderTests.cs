using System.Globalization;
using Faultrec.Recorder.Finalize;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Unwinder;

/// <summary>The probes' walk over a Python program's frames, against what its interpreter says of them.</summary>
public sealed class PythonUnwinderTests : IDisposable
{
    // Debian's, and that of a version manager.
    private static readonly string[] Installed = ["/usr/bin/python3", Tool.Run("python3", "-c", "import sys; print(sys.executable)").Trim()];

    public static TheoryData<string, string> Interpreters { get; } =
        [.. from interpreter in Installed.Distinct().Where(File.Exists) from thread in (string[])["main", "thread"] select (interpreter, thread)];

    private readonly UserSpaceWalker _walker = new();

    [Theory]
    [MemberData(nameof(Interpreters))]
    public void FramesAreThoseOfTheInterpreter(string interpreter, string thread)
    {
        using var program = new Descendant(interpreter, Path.Combine(ElfExecutable.Root, "tests/Recorder/Unwinder/chain.py"), thread);
        var tables = ProcessTables.Of(program.Thread.Id);
        Assert.NotEqual(0u, tables.Maps.Python);

        var stack = _walker.Walk(program.Thread, program.Thread.Read(), tables);

        var told = program.Said.Skip(1).Select(line => line.Split('\t'));
        // A file's name may be longer than the probes send.
        Assert.Equal(
            told.Select(frame => (frame[0], (int?)int.Parse(frame[2], CultureInfo.InvariantCulture))),
            stack.Python.Select(frame => (frame.Function!, frame.Line)));
        Assert.All(stack.Python.Zip(told), frame => Assert.StartsWith(frame.First.File!.TrimEnd('…'), frame.Second[1], StringComparison.Ordinal));
        Assert.Equal(StackEnding.Outermost, stack.Ending);
        // Each C function of the interpreter's has frames of Python's that it runs.
        Assert.Equal(stack.Ips.Count(ip => PythonFrames.IsInterpreter(tables.FunctionAt(ip) ?? "")), stack.Entries);
    }

    public void Dispose() => _walker.Dispose();
}
