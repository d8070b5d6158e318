using System.Text;
using System.Text.RegularExpressions;
using Faultrec.Recorder.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Probes;

/// <summary>
/// The programs that a command will most likely run: its own, the interpreters of scripts, and programs named by its arguments or a
/// script's text. Their unwind tables are made before the command starts, because a short program ends before they could be made.
/// </summary>
internal sealed partial class CommandPrograms
{
    /// <summary>More programs take longer than they are worth.</summary>
    private const int MaxPrograms = 64;

    private const int MaxWords = 512;
    private const int MaxScriptBytes = 64 << 10;

    /// <summary>A word in a script may mean something else, so no tables of a large program are made for it.</summary>
    private const long MaxBytesForWord = 4 << 20;

    /// <summary>The kernel's limits: BINPRM_BUF_SIZE, and how often an interpreter may be a script itself (fs/exec.c).</summary>
    private const int MaxShebangBytes = 256;

    private const int MaxInterpreters = 5;
    private const int MayExecute = 1; // X_OK

    /// <summary>Where GCC keeps the programs that its drivers run; TRIPLET/VERSION follow.</summary>
    private static readonly string[] CompilerFolders = ["/usr/libexec/gcc", "/usr/lib/gcc"];

    private readonly List<string> _programs = [];
    private readonly HashSet<string> _seen = [];
    private readonly HashSet<string> _words = [];
    private readonly string[] _folders;

    private CommandPrograms(string path) => _folders = path.Split(':');

    /// <returns>Paths of executable files, the most certain first.</returns>
    /// <param name="path">Folders to search, in the form of PATH; null: PATH itself.</param>
    public static IReadOnlyList<string> Of(IReadOnlyList<string> command, string? path = null)
    {
        var found = new CommandPrograms(path ?? Environment.GetEnvironmentVariable("PATH") ?? "/bin:/usr/bin");
        if (found.PathOf(command[0]) is { } program)
            found.AddProgram(program, 0);
        // The shell, for shells and system(3), with the C library and the dynamic linker that nearly all programs share.
        found.AddProgram("/bin/sh", 0);
        foreach (var argument in command.Skip(1))
            found.AddArgument(argument);
        return found._programs;
    }

    /// <summary>The interpreter of a script and its argument, if it has one; fs/binfmt_script.c. Null: not a script.</summary>
    public static (string Interpreter, string? Argument)? ParseShebang(ReadOnlySpan<byte> start)
    {
        start = start[..Math.Min(start.Length, MaxShebangBytes)];
        if (!start.StartsWith("#!"u8))
            return null;
        var end = start.IndexOf((byte)'\n');
        var words = Encoding.UTF8.GetString(start[2..(end < 0 ? start.Length : end)]).Trim(' ', '\t', '\r', '\0').Split([' ', '\t'], 2);
        return words[0].Length == 0 ? null : (words[0], words.Length > 1 ? words[1].Trim(' ', '\t') : null);
    }

    private void AddArgument(string argument)
    {
        if (PathOf(argument) is { } program)
            AddProgram(program, 0);
        else if (ReadStart(argument) is { } start && ParseShebang(start) is not null)
            AddScript(start, 0);
        else if (argument.Contains(' '))
            AddWords(argument);
    }

    private void AddProgram(string path, int depth)
    {
        if (_programs.Count == MaxPrograms || !_seen.Add(path) || ReadStart(path) is not { } start)
            return;
        if (ParseShebang(start) is not null)
            AddScript(start, depth);
        else
            AddBinary(path);
    }

    private void AddBinary(string path)
    {
        _programs.Add(path);
        foreach (var part in PartsOf(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path))
        {
            // A library need not be executable.
            if ((Path.IsPathRooted(part) && File.Exists(part) ? part : PathOf(part)) is { } program)
                AddProgram(program, MaxInterpreters);
        }
    }

    /// <summary>What a program runs or loads without naming it on its command line.</summary>
    private static IEnumerable<string> PartsOf(string path)
    {
        var (folder, file) = (Path.GetDirectoryName(path)!, Path.GetFileName(path));
        switch (file)
        {
            case "make" or "cmake" or "ninja":
                return ["cc", "c++"];
            case "go":
                var tools = Path.Combine(folder, "../pkg/tool/linux_amd64");
                return [Path.Combine(tools, "compile"), Path.Combine(tools, "asm"), Path.Combine(tools, "link")];
            case "dotnet":
                var runtime = NewestIn(Path.Combine(folder, "shared/Microsoft.NETCore.App"));
                return [Path.Combine(NewestIn(Path.Combine(folder, "host/fxr")), "libhostfxr.so"), Path.Combine(runtime, "libcoreclr.so"),
                    Path.Combine(runtime, "libclrjit.so")];
            case "java" or "javac":
                return [Path.Combine(folder, "../lib/server/libjvm.so")];
        }
        // g++ is x86_64-linux-gnu-g++-12.
        if (CompilerDriver().Match(file) is not { Success: true } driver)
            return [];
        var parts = CompilerFolders.Select(folder => Path.Combine(folder, driver.Groups[1].Value, driver.Groups[3].Value)).FirstOrDefault(Directory.Exists)
            ?? "";
        return [Path.Combine(parts, driver.Groups[2].Value == "g++" ? "cc1plus" : "cc1"), "as", Path.Combine(parts, "collect2"), "ld"];
    }

    private static string NewestIn(string folder)
        => Directory.Exists(folder)
            ? Directory.GetDirectories(folder).MaxBy(path => Version.TryParse(Path.GetFileName(path), out var version) ? version : new Version()) ?? ""
            : "";

    private void AddScript(byte[] text, int depth)
    {
        if (depth == MaxInterpreters || ParseShebang(text) is not var (interpreter, argument))
            return;
        AddProgram(interpreter, depth + 1);
        // env(1) runs one of them.
        foreach (var word in argument?.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries) ?? [])
        {
            if (PathOf(word) is { } program)
                AddProgram(program, depth + 1);
        }

        AddWords(Encoding.Latin1.GetString(text));
    }

    private void AddWords(string text)
    {
        foreach (var match in Word().EnumerateMatches(text))
        {
            var word = text.Substring(match.Index, match.Length);
            if (_words.Count == MaxWords)
                return;
            if (_words.Add(word) && PathOf(word) is { } program && new FileInfo(program).Length <= MaxBytesForWord)
                AddProgram(program, MaxInterpreters);
        }
    }

    // Searched as by execvp(3). Libraries that the dynamic linker finds elsewhere are handled when they are mapped.
    private string? PathOf(string program)
    {
        if (program.Contains('/'))
            return IsExecutable(program) ? program : null;
        return program.Length == 0 ? null : _folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(IsExecutable);
    }

    private static bool IsExecutable(string path) => File.Exists(path) && Libc.Access(path, MayExecute) == 0;

    /// <summary>Null: not a readable file.</summary>
    private static byte[]? ReadStart(string path)
    {
        var fd = path.Contains('\0') ? -1 : Libc.Open(path, Libc.ONonblock | Libc.OCloexec, 0);
        if (fd < 0)
            return null;
        using var file = new SafeFileHandle(fd, ownsHandle: true);
        if (FileStatus.Read(file) is not { IsRegular: true })
            return null;
        var start = new byte[MaxScriptBytes];
        try
        {
            return start[..RandomAccess.Read(file, start, 0)];
        }
        catch (IOException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"^(.+)-(gcc|g\+\+)-([0-9]+)$", RegexOptions.NonBacktracking)]
    private static partial Regex CompilerDriver();

    [GeneratedRegex(@"[A-Za-z0-9_./+-]+", RegexOptions.NonBacktracking)]
    private static partial Regex Word();
}
