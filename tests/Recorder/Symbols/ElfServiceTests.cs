using System.Globalization;
using System.Text.RegularExpressions;
using Faultrec.Recorder.Symbols;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>The process that reads ELF files: what it may do, and what it finds, against addr2line.</summary>
[Trait("Needs", "native")]
public sealed partial class ElfServiceTests : IDisposable
{
    private const string Nobody = "65534";
    private static readonly string[] SudoVariables = ["SUDO_UID", "SUDO_GID", "SUDO_USER"];

    private readonly TempFolder _folder = new();

    public ElfServiceTests()
    {
        Assert.SkipUnless(ElfExecutable.IsBuilt, ElfExecutable.WhyNot);
        ServiceProcess.Command = [ElfExecutable.Path];
        SetSudo(null, null);
    }

    public void Dispose()
    {
        SetSudo(null, null);
        _folder.Dispose();
    }

    [Theory]
    [InlineData(null, "0", "4")] // CAP_DAC_READ_SEARCH is bit 2
    [InlineData("nobody", Nobody, "0")]
    public void ItHasNoRightsButThoseItNeeds(string? caller, string user, string capabilities)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root has rights to give up");
        SetSudo(caller, Nobody);
        using var worker = new ElfWorker(debugFiles: null);

        Assert.NotEmpty(worker.MakeUnwindTable(ElfExecutable.Program, ElfExecutable.Program).Rows);

        foreach (var thread in Directory.GetDirectories($"/proc/{worker.ProcessId}/task"))
        {
            var status = File.ReadLines(Path.Combine(thread, "status")).Select(line => line.Split(":\t")).ToDictionary(parts => parts[0], parts => parts[^1]);
            Assert.Equal($"{user}\t{user}\t{user}\t{user}", status["Uid"]);
            Assert.Equal(("1", "2"), (status["NoNewPrivs"], status["Seccomp"])); // SECCOMP_MODE_FILTER
            Assert.All((string[])["CapEff", "CapPrm"], set => Assert.Equal(capabilities, status[set].TrimStart('0') is { Length: > 0 } bits ? bits : "0"));
        }

        var limits = File.ReadAllText($"/proc/{worker.ProcessId}/limits");
        Assert.Matches(@"Max file size +0 +0 ", limits);
        Assert.Matches(@"Max processes +0 +0 ", limits);
        Assert.DoesNotMatch(@"Max address space +unlimited", limits);
    }

    [Theory]
    [InlineData("clang", "-g -O0")]
    [InlineData("clang", "-g -O2")]
    [InlineData("clang", "-g -O2 -gdwarf-4")]
    [InlineData("gcc", "-g -O2")]
    public void LinesAndInlinedFunctionsAreThoseOfAddr2line(string compiler, string options)
    {
        var program = Compile(compiler, options);
        if (compiler == "clang")
            Assert.DoesNotContain(".debug_aranges", Tool.Run("readelf", "-SW", program), StringComparison.Ordinal);
        var addresses = AddressesOf(program, "fill", "main");
        using var worker = new ElfWorker(debugFiles: null);
        var module = worker.Open(program, program, 0).Module;

        foreach (var address in addresses)
        {
            Assert.Equal(Addr2line(program, address),
                worker.Find(module, address).Names.Select(name => $"{name.Function} {name.File}:{name.Line?.ToString(CultureInfo.InvariantCulture) ?? "?"}"));
        }

        Assert.InRange(addresses.Count, 10, int.MaxValue);
    }

    /// <summary>By build id, or where there is none by checksum; another program's debug file under the name is not used.</summary>
    [Theory]
    [InlineData("", true)]
    [InlineData("-Wl,--build-id=none", true)]
    [InlineData("", false)]
    [InlineData("-Wl,--build-id=none", false)]
    public void ADebugFileIsFoundByItsLink(string options, bool isRight)
    {
        var program = Compile("gcc", $"-g -O2 {options}");
        var address = AddressesOf(program, "fill")[0];
        var debugFile = Directory.CreateDirectory(_folder.File(".debug")).FullName + "/program.dbg";
        Tool.Run("objcopy", "--only-keep-debug", program, debugFile);
        Tool.Run("objcopy", "--strip-all", $"--add-gnu-debuglink={debugFile}", program);
        if (!isRight)
            Tool.Run("objcopy", "--only-keep-debug", ElfExecutable.Program, debugFile);

        Assert.Equal(isRight, FindsLine(program, address));
    }

    /// <summary>The name comes from a file that anyone may have written.</summary>
    [Fact]
    public void AFileThatIsNotForTheOwnerOfTheProgramIsNotReadForIt()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root may read what others may not");
        var program = Compile("gcc", "-g -O2");
        var address = AddressesOf(program, "fill")[0];
        var debugFile = _folder.File("secret");
        Tool.Run("objcopy", "--only-keep-debug", program, debugFile);
        Tool.Run("objcopy", "--strip-all", $"--add-gnu-debuglink={debugFile}", program);
        Tool.Run("chmod", "600", debugFile);
        Assert.True(FindsLine(program, address)); // both are root's

        Tool.Run("chown", Nobody, program);

        Assert.False(FindsLine(program, address));
    }

    [Fact]
    public void WhatIsNoRegularFileIsRefusedAtOnce()
    {
        Tool.Run("mkfifo", _folder.File("pipe"));
        using var worker = new ElfWorker(debugFiles: null);

        foreach (var path in (string[])[_folder.File("pipe"), "/dev/zero", "/dev/tty", _folder.File(".")])
            Assert.Equal("is not a regular file", Assert.Throws<BadElfException>(() => worker.Open(path, path, 0)).Message);
        Assert.Equal("cannot be opened", Assert.Throws<BadElfException>(() => worker.Open("/nowhere", "/nowhere", 0)).Message);
    }

    private static bool FindsLine(string program, ulong address)
    {
        using var files = new DebugFiles(asksServers: false);
        using var worker = new ElfWorker(files);
        return worker.Find(worker.Open(program, program, 0).Module, address).Names[^1].Line is not null;
    }

    private string Compile(string compiler, string options)
    {
        var (source, program) = (_folder.File("program.c"), _folder.File("program"));
        File.WriteAllText(source, """
            #include <stdlib.h>
            static inline void touch(volatile char *page) { *page = 1; }
            static inline void walk(char *from, size_t bytes)
            {
                for (size_t i = 0; i < bytes; i += 4096)
                    touch(from + i);
            }
            __attribute__((noinline)) char *fill(size_t bytes)
            {
                char *memory = malloc(bytes);
                walk(memory, bytes);
                return memory;
            }
            int main(int argc, char **argv)
            {
                (void)argv;
                return *fill((size_t)argc << 20);
            }
            """);
        Tool.Run(compiler, [.. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), "-o", program, source]);
        return program;
    }

    private static List<ulong> AddressesOf(string program, params string[] functions)
        => [.. functions.SelectMany(function => Instruction().Matches(Tool.Run("objdump", "-d", "--no-show-raw-insn", $"--disassemble={function}", program)))
            .Select(match => ulong.Parse(match.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).Distinct()];

    private static IEnumerable<string> Addr2line(string program, ulong address)
    {
        var lines = Tool.Run("addr2line", "-if", "-e", program, $"0x{address:x}").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i + 1 < lines.Length; i += 2)
            yield return $"{lines[i]} {Discriminator().Replace(lines[i + 1], "")}";
    }

    private static void SetSudo(string? caller, string? id)
    {
        foreach (var name in SudoVariables)
            Environment.SetEnvironmentVariable(name, caller is null ? null : name == "SUDO_USER" ? caller : id);
    }

    [GeneratedRegex(@"^ +([0-9a-f]+):\t", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Instruction();

    [GeneratedRegex(@" \(discriminator [0-9]+\)$", RegexOptions.CultureInvariant)]
    private static partial Regex Discriminator();
}
