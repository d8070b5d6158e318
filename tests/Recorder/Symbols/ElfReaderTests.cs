using System.Runtime.Versioning;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Symbols;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>What is asked of libdw, and what of the cache.</summary>
[Trait("Needs", "native")]
[SupportedOSPlatform("linux")]
public sealed class ElfReaderTests : IDisposable
{
    private const string Library = "/usr/lib/x86_64-linux-gnu/libc.so.6";
    private const int SettleMs = 2100; // see SystemFiles

    private readonly TempFolder _folder = new();
    private readonly DebugFiles _debugFiles = new(asksServers: false);

    public ElfReaderTests()
    {
        Assert.SkipUnless(ElfExecutable.IsBuilt, ElfExecutable.WhyNot);
        ServiceProcess.Command = [ElfExecutable.Path];
    }

    public void Dispose()
    {
        _debugFiles.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void WhatWasAskedOnceNeedsNoProcess()
    {
        var first = Ask(Library, 3, out var processes);
        Assert.Equal(1, processes);
        var second = Ask(Library, 3, out processes);
        Assert.Equal(0, processes);
        Assert.Equal(first, second);
        var more = Ask(Library, 5, out processes);
        Assert.Equal(1, processes);
        Assert.Equal(first, more[..first.Length]);
        Assert.Equal(more, Ask(Library, 5, out processes));
        Assert.Equal(0, processes);
    }

    [Fact]
    public void WithoutACacheEveryQuestionIsAsked()
    {
        Assert.Equal(Ask(Library, 3, out _, isCached: false), Ask(Library, 3, out var processes, isCached: false));
        Assert.Equal(1, processes);
    }

    /// <summary>The same path, the same inode, other contents: even with the same size and time of modification.</summary>
    [Fact]
    public void AFileThatWasChangedIsAskedAgain()
    {
        var path = Compile("one");
        var one = Ask(path, 1, out _);
        Assert.Contains("one", one[^1], StringComparison.Ordinal);
        Assert.Equal(one, Ask(path, 1, out var processes));
        Assert.Equal(0, processes);
        var (bytes, time) = (File.ReadAllBytes(Compile("two", "other")), File.GetLastWriteTimeUtc(path));
        Assert.Equal(new FileInfo(path).Length, bytes.Length);
        File.WriteAllBytes(path, bytes);
        File.SetLastWriteTimeUtc(path, time);
        Thread.Sleep(SettleMs);
        Assert.Contains("two", Ask(path, 1, out processes)[^1], StringComparison.Ordinal);
        Assert.Equal(1, processes);
    }

    /// <summary>A file of another user goes to a process of its own, and answers about it are not kept.</summary>
    [Fact]
    public void AFileThatOthersCanChangeIsReadElsewhere()
    {
        var path = Compile("one");
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.OtherWrite);
        Thread.Sleep(SettleMs);
        using (var cache = CodeCache.TryOpen(_folder.File(""), out _))
        using (var reader = new ElfReader(cache, _debugFiles))
        {
            reader.MakeUnwindTable(Library, Library);
            Assert.Equal(1, reader.Processes);
            reader.MakeUnwindTable(path, path);
            Assert.Equal(2, reader.Processes);
            reader.MakeUnwindTable("/usr/bin/env", "/usr/bin/env");
            Assert.Equal(2, reader.Processes);
        }

        _ = Ask(path, 1, out var processes);
        Assert.Equal(1, processes);
    }

    /// <summary>Without debug information a function has one name from its begin to its end, so what is known of one address answers for another.</summary>
    [Fact]
    public void ANameIsKeptForAllOfItsFunction()
    {
        var path = Compile("one");
        Tool.Run("objcopy", "--strip-debug", path);
        Thread.Sleep(SettleMs);
        Assert.Contains("one", Ask(path, 1, out _)[^1], StringComparison.Ordinal);
        using var cache = CodeCache.TryOpen(_folder.File(""), out _);
        using var reader = new ElfReader(cache, _debugFiles);
        var rows = reader.MakeUnwindTable(path, path).Rows;
        var module = reader.Open(path, path, 0);
        for (var address = rows[rows.Length / 2].Pc; address < rows[^1].Pc; address++)
            Assert.Equal("one", Assert.Single(reader.Find(module, path, address)).Function);
        Assert.Equal(0, reader.Processes);
    }

    /// <summary>Debug information that appears later is used.</summary>
    [Fact]
    public void AnotherDebugFileGivesAnotherAnswer()
    {
        var path = Compile("one");
        var debug = _folder.File("program.debug");
        Tool.Run("objcopy", "--only-keep-debug", path, debug);
        Tool.Run("objcopy", "--strip-all", "--remove-section=.note.gnu.build-id", "--add-gnu-debuglink=" + debug, path);
        File.Move(debug, debug + ".away");
        Thread.Sleep(SettleMs);
        Assert.DoesNotContain("program.c", Ask(path, 1, out _)[^1], StringComparison.Ordinal);
        File.Move(debug + ".away", debug);
        Thread.Sleep(SettleMs);
        Assert.Contains("program.c", Ask(path, 1, out _)[^1], StringComparison.Ordinal);
        Assert.Contains("program.c", Ask(path, 1, out var processes)[^1], StringComparison.Ordinal);
        Assert.Equal(0, processes);
    }

    // The table, the segments, and the names of some addresses, as text.
    private string[] Ask(string path, int addresses, out int processes, bool isCached = true)
    {
        using var cache = isCached ? CodeCache.TryOpen(_folder.File(""), out _) : null;
        using var reader = new ElfReader(cache, _debugFiles);
        var table = reader.MakeUnwindTable(path, path);
        var module = reader.Open(path, path, 0);
        List<string> said = [$"{table.CodeAddress} {table.Rows.Length} {table.Rows[^1]}", $"{module.BuildId} {string.Join(' ', module.Segments)}"];
        for (var i = 1; i <= addresses; i++)
            said.Add(string.Join(' ', reader.Find(module, path, table.Rows[table.Rows.Length / (i + 1)].Pc)));
        processes = reader.Processes;
        return [.. said];
    }

    // All of its code is one function.
    private string Compile(string function, string name = "program")
    {
        var (source, program) = (_folder.File(name + ".c"), _folder.File(name));
        File.WriteAllText(source, $"int {function}(int n) {{ return n ? {function}(n - 1) * n + {function}(n - 2) : 1; }}\n");
        Tool.Run("gcc", "-g", "-O0", "-shared", "-nostdlib", "-o", program, source);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using (var file = RegularFile.TryOpen(program, out _)!)
            Assert.SkipUnless(FileSystems.IsTrusted(file.File), "temporary files are on no trusted file system here");
        Thread.Sleep(SettleMs);
        return program;
    }
}
