using System.Text;
using Faultrec.Recorder.Probes;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Capture;

/// <summary>Which programs a command will run, as far as its words and its scripts tell.</summary>
public sealed class CommandProgramsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    /// <summary>fs/binfmt_script.c: everything behind the interpreter's name is one argument.</summary>
    [Theory]
    [InlineData("#!/bin/sh\necho", "/bin/sh", null)]
    [InlineData("#!/bin/sh", "/bin/sh", null)]
    [InlineData("#! /usr/bin/env node\n", "/usr/bin/env", "node")]
    [InlineData("#!\t/usr/bin/env  -S node --harmony \nx", "/usr/bin/env", "-S node --harmony")]
    [InlineData("#!/usr/bin/awk -f\r\n", "/usr/bin/awk", "-f")]
    public void TheFirstLineNamesTheInterpreter(string text, string interpreter, string? argument)
        => Assert.Equal((interpreter, argument), CommandPrograms.ParseShebang(Encoding.UTF8.GetBytes(text)));

    [Theory]
    [InlineData("")]
    [InlineData("#")]
    [InlineData("#!")]
    [InlineData("#! \n/bin/sh")]
    [InlineData("\u007fELF")]
    public void OtherFilesAreNoScripts(string text) => Assert.Null(CommandPrograms.ParseShebang(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void AScriptsInterpreterComesFirstAndWhatEnvLooksForNext()
    {
        var (env, node) = (Program("env"), Program("node"));
        Assert.Equal([env, node, "/bin/sh"], Of([Script("npm", $"#!{env} node\n'use strict'")]));
        Assert.Equal([env, "/bin/sh", node], Of([env, "node", "npm-cli.js"]));
    }

    [Fact]
    public void AnInterpreterMayBeAScriptItself()
    {
        var shell = Program("shell");
        var inner = Script("inner", $"#!{shell}\n");
        Assert.Equal([shell, "/bin/sh"], Of([Script("outer", $"#!{inner} -x\n")]));
    }

    [Fact]
    public void AScriptThatIsItsOwnInterpreterHasNone()
    {
        var loop = _folder.File("loop");
        Script("loop", $"#!{loop}\n");
        Assert.Equal(["/bin/sh"], Of([loop]));
    }

    [Fact]
    public void WordsOfScriptsAndOfArgumentsNameProgramsToo()
    {
        var (shell, first, second) = (Program("shell"), Program("first"), Program("second"));
        Assert.Equal([shell, first, second, "/bin/sh"], Of([Script("run", $"#!{shell}\nfirst -x | second # first\nelsewhere")]));
        Assert.Equal([shell, "/bin/sh", second, first], Of([shell, "-c", "x=$(second); exec first"]));
        Assert.Equal([shell, "/bin/sh", first], Of([shell, Script("plain", $"#!{shell}\nfirst", isExecutable: false)]));
    }

    /// <summary>A compiler's driver does little itself.</summary>
    [Fact]
    public void WhatACompilerRuns()
    {
        var found = CommandPrograms.Of(["gcc", "-c", "x.c"], "/usr/bin");
        Assert.SkipUnless(found[0] == "/usr/bin/gcc", "gcc is not installed");
        Assert.Equal(["gcc", "cc1", "as", "collect2", "ld"], found.Take(5).Select(Path.GetFileName));
    }

    /// <summary>What a build tool's, Go's and Java's command runs or loads lies where its installation has it.</summary>
    [Fact]
    public void WhatToolsOfLanguagesRun()
    {
        foreach (var folder in (string[])["bin", "lib/server", "pkg/tool/linux_amd64", "shared/Microsoft.NETCore.App/9.0.17",
            "shared/Microsoft.NETCore.App/10.0.2"])
        {
            Directory.CreateDirectory(_folder.File(folder));
        }

        var (make, compiler) = (Program("make"), Program("cc"));
        var (java, go) = (Program("bin/java"), Program("bin/go"));
        var (library, tool) = (_folder.File("bin/../lib/server/libjvm.so"), Program("bin/../pkg/tool/linux_amd64/compile"));
        File.WriteAllBytes(library, new byte[64]);
        var (dotnet, _, newest) = (Program("dotnet"), Program("shared/Microsoft.NETCore.App/9.0.17/libcoreclr.so"),
            Program("shared/Microsoft.NETCore.App/10.0.2/libcoreclr.so"));

        Assert.Equal([make, compiler, "/bin/sh"], Of([make]));
        Assert.Equal([java, library, "/bin/sh"], Of([java]));
        Assert.Equal([go, tool, "/bin/sh"], Of([go]));
        Assert.Equal([dotnet, newest, "/bin/sh"], Of([dotnet]));
    }

    [Fact]
    public void WhatIsNotThereOrMayNotRunIsLeftOut()
    {
        File.WriteAllText(_folder.File("data"), "x");
        Directory.CreateDirectory(_folder.File("folder"));
        Assert.Equal(["/bin/sh"], Of([_folder.File("absent"), "data", "folder", "", "\0", _folder.File("data")]));
    }

    /// <summary>A program that a word names by chance is not worth a long wait.</summary>
    [Fact]
    public void ALargeProgramIsPreparedForAnArgumentOnly()
    {
        var (shell, large) = (Program("shell"), Program("large", 5 << 20));
        Assert.Equal([shell, "/bin/sh"], Of([shell, "-c", "large x"]));
        Assert.Equal([shell, "/bin/sh", large], Of([shell, "large"]));
    }

    public void Dispose() => _folder.Dispose();

    private string[] Of(string[] command) => [.. CommandPrograms.Of(command, Path.GetDirectoryName(_folder.File("x")))];

    private string Program(string name, int bytes = 64)
    {
        File.WriteAllBytes(_folder.File(name), new byte[bytes]);
        return MakeExecutable(name);
    }

    private string Script(string name, string text, bool isExecutable = true)
    {
        File.WriteAllText(_folder.File(name), text);
        return isExecutable ? MakeExecutable(name) : _folder.File(name);
    }

    private string MakeExecutable(string name)
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder.File(name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return _folder.File(name);
    }
}
