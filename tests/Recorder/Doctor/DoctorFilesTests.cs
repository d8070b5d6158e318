using System.Diagnostics;
using Faultrec.Recorder.Doctor;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Traces;
using Xunit;

namespace Faultrec.Recorder.Tests.Doctor;

/// <summary>The doctor's other sources, and the names it is asked about.</summary>
public sealed class DoctorFilesTests
{
    [Fact]
    public void FilterFunctionsHaveTheirModuleBehind()
    {
        var list = NameList.OfFilterFunctions("do_fault\nnf_hook [nf_tables]\n"u8.ToArray());
        Assert.Equal((true, true, false, false), (list.Contains("do_fault"), list.Contains("nf_hook"), list.Contains("do"), list.Contains("")));
    }

    [Fact]
    public void TheBlacklistHasTheNameBehindTheRange()
    {
        var list = NameList.OfBlacklist("0xffffffff81c00a30-0xffffffff81c00b20\tasm_exc_page_fault\n0x1-0x2\tin_module [kvm]\n\nbroken\n"u8.ToArray());
        Assert.Equal(
            (true, true, false, false),
            (list.Contains("asm_exc_page_fault"), list.Contains("in_module"), list.Contains("broken"), list.Contains("exc_page_fault")));
    }

    [Theory]
    [InlineData("CONFIG_KPROBES=y\n", "CONFIG_KPROBES=y in config")]
    [InlineData("# CONFIG_KPROBES is not set\nCONFIG_KPROBES_ON_FTRACE=y\n", "CONFIG_KPROBES is not set in config")]
    [InlineData("", "CONFIG_KPROBES is not set in config")]
    public void TheConfigurationIsQuoted(string text, string evidence)
        => Assert.Equal(evidence, new KernelConfig("config", text).Evidence("CONFIG_KPROBES"));

    // CAP_SYS_ADMIN 21, CAP_PERFMON 38, CAP_BPF 39
    [Theory]
    [InlineData(0, "000001ffffffffff", "         0          0 4294967295", null)]
    [InlineData(0, "000001ffffffffff", "         0       1000          1", "user namespace")]
    [InlineData(0, "00000000a80425fb", "0 0 4294967295", "root, but without")]
    [InlineData(1000, "0000000000000000", "0 0 4294967295", "uid 1000")]
    [InlineData(1000, "000000c000000000", "0 0 4294967295", null)]
    [InlineData(1000, "0000004000000000", "0 0 4294967295", "uid 1000")]
    [InlineData(1000, "0000000000200000", "0 0 4294967295", null)]
    public void WhatMayNotAttachIsSeenBefore(uint user, string effective, string uidMap, string? missing)
    {
        var said = Privilege.Missing(user, $"Name:\tx\nCapPrm:\tffffffffffffffff\nCapEff:\t{effective}\n", uidMap);
        if (missing is null)
            Assert.Null(said);
        else
            Assert.Contains(missing, said, StringComparison.Ordinal);
    }

    /// <summary>sysfs reports 4096 bytes for a file of two.</summary>
    [Fact]
    public void FilesOfTheKernelAreReadWhateverLengthTheyReport()
    {
        Assert.Equal(File.ReadLines("/sys/bus/event_source/devices/software/type").Single(),
            KernelFile.ReadText("/sys/bus/event_source/devices/software/type"));
        Assert.StartsWith("Name:", KernelFile.ReadText("/proc/self/status"));
        Assert.Equal("not there", KernelFile.Read("/proc/no-such-file").Why);
        Assert.Null(KernelFile.ReadText("/proc/no-such-file"));
    }

    [Fact]
    public void MountPointsAreThoseOfTheKernel()
    {
        Assert.Equal("/proc", KernelFile.MountPoint("proc"));
        Assert.Null(KernelFile.MountPoint("no-such-file-system"));
    }

    [Theory]
    [InlineData("handle_mm_fault")]
    [InlineData("do_fault.isra.0")]
    [InlineData("$x")]
    public void NamesOfFunctions(string name) => FunctionName.Check(name);

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("a b", "position 2")]
    [InlineData("handle_mm_fault+0x10", "position 16")]
    [InlineData("x\u001b[31m", "position 2")]
    [InlineData("é", "position 1")]
    [InlineData("a\0b", "position 2")]
    public void NamesThatNoFunctionHas(string name, string found)
    {
        var exception = Assert.Throws<FaultrecException>(() => FunctionName.Check(name));
        Assert.Equal(ExitCode.Usage, exception.ExitCode);
        Assert.Contains(found, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALongNameIsShortenedInTheMessage()
    {
        FunctionName.Check(new string('a', 127));
        var exception = Assert.Throws<FaultrecException>(() => FunctionName.Check(new string('a', 100_000)));
        Assert.Contains("has 100000 characters", exception.Message, StringComparison.Ordinal);
        Assert.True(exception.Message.Length < 300);
    }

    /// <summary>What the compiler says of C is what the prototype must say.</summary>
    [Theory]
    [InlineData("int f(struct s *a, unsigned int flags)")]
    [InlineData("void f(void)")]
    [InlineData("const char *f(const char *a, char *const b, char **c)")]
    [InlineData("number f(number a, enum e b, union u *c)")]
    [InlineData("void f(int (*callback)(void *, number), int (*table)[4])")]
    [InlineData("int f(int (*print)(const char *, ...))")]
    [InlineData("struct s *f(volatile int *a, const struct s *b, void *const *c)")]
    public void APrototypeReadsAsTheSourceDoes(string declaration)
    {
        var body = declaration.StartsWith("void f", StringComparison.Ordinal) ? "{ }" : "{ return 0; }";
        using var btf = Compile($"typedef long number; struct s; enum e {{ one }}; union u {{ int i; }};\n{declaration} {body}\n");

        Assert.Equal(declaration, Prototype.Of(btf, "f")!.Declaration);
        Assert.Null(Prototype.Of(btf, "g"));
    }

    [Fact]
    public void ArgumentsHaveNameAndType()
    {
        using var btf = Compile("int f(struct s *vma, unsigned int flags) { return 0; }\n");
        Assert.Equal([new("vma", "struct s *"), new("flags", "unsigned int")], Prototype.Of(btf, "f")!.Arguments);
    }

    private static Btf Compile(string source)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("f.c"), source);
        using var clang = Process.Start("clang", ["-w", "-O2", "-g", "-target", "bpf", "-c", folder.File("f.c"), "-o", folder.File("f.o")]);
        clang.WaitForExit();
        Assert.Equal(0, clang.ExitCode);
        return Btf.OpenFile(folder.File("f.o"))!;
    }
}
