using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>Which frame of a stack is the line to change: neither a runtime's nor one that a language's library brought along.</summary>
public class OwnCodeStories
{
    private static readonly StackModule[] Modules = [new("/srv/app", null), new("/usr/lib/x86_64-linux-gnu/libc.so.6", null)];

    // Each stack from the innermost frame out: function @ file; the expected one is marked.
    [Theory]
    [InlineData(
        "std::__fill_n_a<char*>(char*) @ /usr/include/c++/12/bits/stl_algobase.h",
        "std::vector<char>::vector(unsigned long) @ /usr/include/c++/12/bits/stl_vector.h",
        "* build_table(std::vector<int>&) @ /srv/std.cc",
        "main @ /srv/std.cc")]
    [InlineData("void std::vector<char>::_M_realloc_insert<char>(char&&)", "* Shop::grow()", "main")] // no debug information
    [InlineData("operator new(unsigned long)", "std::function<void ()>::operator()() const", "* std_like::fill()", "main")]
    [InlineData("memset @ /usr/include/x86_64-linux-gnu/bits/string_fortified.h", "* fill @ /srv/a.c")]
    [InlineData("void boost::container::grow(int) @ /opt/llvm/include/c++/v1/vector", "* fill @ /srv/a.c")]
    [InlineData(
        "<alloc::vec::Vec<T> as alloc::vec::spec_from_elem::SpecFromElem>::from_elem",
        "alloc::vec::from_elem @ /rustc/59807616e1/library/alloc/src/vec/mod.rs",
        "* app::build @ /srv/src/main.rs",
        "std::rt::lang_start::{{closure}} @ /rustc/59807616e1/library/std/src/rt.rs")]
    [InlineData("<core::option::Option<T>>::map", "* <app::Row as core::clone::Clone>::clone", "app::main")]
    [InlineData("core::ptr::write @ /root/.rustup/toolchains/1/lib/rustlib/src/rust/library/core/src/ptr/mod.rs", "* app::build @ /srv/src/main.rs")]
    [InlineData(
        "runtime.memclrNoHeapPointers @ /usr/lib/go-1.19/src/runtime/memclr_amd64.s",
        "bytes.(*Buffer).grow @ /usr/lib/go-1.19/src/bytes/buffer.go",
        "* main.fill @ /root/go/src/app/main.go",
        "runtime.goexit @ /usr/lib/go-1.19/src/runtime/asm_amd64.s")]
    [InlineData("* runtime.bgsweep @ /usr/lib/go-1.19/src/runtime/mgcsweep.go", "runtime.goexit @ /usr/lib/go-1.19/src/runtime/asm_amd64.s")]
    [InlineData("memset!", "jit: Builtin:CreateObject", "* jit: request @ /srv/heap.js", "jit: (anonymous) @ node:internal/main")]
    [InlineData("memset!", "jit: System.Collections.Generic.Dictionary<T, T>.Resize()", "* jit: Shop.Cart.Add(int)", "jit: Program.Main()")]
    [InlineData("memset!", "* jit: java.util.ArrayList.grow(int)", "main")] // nothing else of a script
    [InlineData("memset!", "jit: new_type_array Runtime1 stub", "* jit: JavaTouch.touchPages(int)", "jit: Interpreter", "jit: StubRoutines (1)")]
    [InlineData("memset!", "jit: _new_array_nozero_Java", "* jit: JavaTouch.touchPages(int)", "jit: Interpreter", "jit: StubRoutines (1)")]
    [InlineData("memset!", "* jit: Interpreter", "jit: StubRoutines (1)")]
    [InlineData("memset!", "python: copy @ /usr/lib/python3.11/copy.py", "* python: load @ /srv/app.py", "python: <module> @ <frozen runpy>")]
    [InlineData("memset!", "* python: array @ /usr/lib/python3/dist-packages/numpy/core/numeric.py", "python: load @ /srv/app.py")]
    public void TheOwnFrameIsNoneOfALibrary(params string[] innermostFirst)
    {
        var frames = innermostFirst.Reverse().Select(Frame).ToArray();
        var table = new StackTable(Modules, frames, [.. Enumerable.Range(-1, frames.Length)], [.. Enumerable.Range(0, frames.Length)]);

        var own = new OwnCode(table, new FrameNames(table)).FrameOf(frames.Length - 1);

        Assert.Equal(innermostFirst.Single(text => text.StartsWith("* ", StringComparison.Ordinal)), innermostFirst[frames.Length - 1 - own]);
    }

    [Fact]
    public void AnInnerFunctionIsNamedWhenItIsThatOfMostFaults()
    {
        // Stack 2 is main < fill < memset, stack 1 main < fill.
        string Told(int throughMemset, int inFill) => Finding.Describe(Story.Report(
            StackStory.Metadata(),
            [
                .. Enumerable.Range(0, throughMemset).Select(page => new Fault(0x10000 + ((ulong)page << 12)) { Stack = 2 }),
                .. Enumerable.Range(0, inFill).Select(page => new Fault(0x10000 + ((ulong)page << 12)) { Stack = 1 }),
            ]));

        Assert.Contains("100 % come from fill (app.c:12), in memset", Told(throughMemset: 3, inFill: 2), StringComparison.Ordinal);
        Assert.Contains("100 % come from fill (app.c:12)", Told(throughMemset: 2, inFill: 3), StringComparison.Ordinal);
        Assert.DoesNotContain("in memset", Told(throughMemset: 2, inFill: 2), StringComparison.Ordinal);
    }

    [Fact]
    public void AJavaMachineWithoutAMapIsToldItsSwitch()
    {
        var table = new StackTable([new("/opt/jdk/lib/server/libjvm.so", null)],
            [new StackFrame { Kind = "user", Function = "JavaMain", Module = 0 }, new StackFrame { Kind = "jit", Address = 1 }], [-1, 0], [0, 1]);
        string? Note(StackTable stacks) => StackText.Note(Story.Report(StackStory.Metadata() with { Stacks = stacks }, [new Fault(0x10000) { Stack = 1 }]));

        Assert.Contains("run java with -XX:+UnlockDiagnosticVMOptions -XX:+DumpPerfMapAtExit", Note(table), StringComparison.Ordinal);
        Assert.DoesNotContain("Java", Note(StackStory.Table), StringComparison.Ordinal);
    }

    private static StackFrame Frame(string text)
    {
        var parts = text.TrimStart('*', ' ').Split(" @ ");
        var kind = parts[0].StartsWith("jit: ", StringComparison.Ordinal) ? "jit"
            : parts[0].StartsWith("python: ", StringComparison.Ordinal) ? "python"
            : "user";
        var name = kind == "user" ? parts[0] : parts[0][(kind.Length + 2)..];
        return new StackFrame
        {
            Kind = kind,
            Function = name.TrimEnd('!'),
            File = parts.Length > 1 ? parts[1] : null,
            Module = kind != "user" ? null : name.EndsWith('!') ? 1 : 0,
        };
    }
}
