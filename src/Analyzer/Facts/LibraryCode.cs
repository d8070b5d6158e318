using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>
/// Frames of a language's own library inside the program's file: templates and generics are compiled into the code that uses them, and
/// often inlined, and Go's runtime is part of every Go program. Recognized by the place of the source, otherwise by name.
/// </summary>
internal static class LibraryCode
{
    private const string SystemHeaders = "/usr/include/";

    // Of C++ compilers that lie elsewhere, and what compilers bring themselves; Rust's, as released and with the sources installed.
    private static readonly string[] Folders =
        ["/include/c++/", "/lib/gcc/", "/lib/clang/", "/lib/rustlib/src/rust/library/", "/rust/deps/"];

    private const string RustRelease = "/rustc/";

    private static readonly string[] NativeNames =
    [
        "std::", "__gnu_cxx::", "__cxxabiv1::", "operator new", "operator delete", // C++
        "core::", "alloc::", "__rust_", "__rdl_", "__rg_", // Rust, and again std::
        "runtime.", "runtime/", "internal/", // Go
    ];

    private static readonly string[] ManagedNames = ["System.", "Microsoft.", "Internal.", "java.", "javax.", "jdk.", "sun."];

    // Pieces of HotSpot that its map lists beside methods.
    private static readonly HashSet<string> VirtualMachineNames = ["Interpreter", "vtable stub", "itable stub", "I2C/C2I adapters"];

    private const string GoRuntime = "/src/runtime/";

    /// <returns>For each frame of the table.</returns>
    public static bool[] Find(StackTable table)
    {
        var goFolders = new HashSet<string>();
        foreach (var frame in table.Frames)
        {
            // All of Go's library is in the directory beside its runtime.
            if (frame is { Function: { } function, File: { } file } && function.StartsWith("runtime.", StringComparison.Ordinal)
                && file.LastIndexOf(GoRuntime, StringComparison.Ordinal) is > 0 and var at)
            {
                goFolders.Add(file[..(at + "/src/".Length)]);
            }
        }

        return [.. table.Frames.Select(frame => frame.Kind switch
        {
            FrameKinds.Jit => IsManaged(frame),
            FrameKinds.Python => frame.File is { } file && IsPython(file),
            _ => (frame.File is { } file && IsNativeFile(file, goFolders)) || (frame.Function is { Length: > 0 } function && IsNativeName(function)),
        })];
    }

    private static bool IsNativeFile(string file, HashSet<string> goFolders)
        => file.StartsWith(SystemHeaders, StringComparison.Ordinal) || file.StartsWith(RustRelease, StringComparison.Ordinal)
            || Folders.Any(folder => file.Contains(folder, StringComparison.Ordinal))
            || goFolders.Any(folder => file.StartsWith(folder, StringComparison.Ordinal));

    private static bool IsNativeName(string function)
    {
        var name = Qualified(function);
        foreach (var begin in NativeNames)
        {
            if (name.StartsWith(begin))
                return true;
        }

        return false;
    }

    // "StubRoutines (1)"; "new_type_array Runtime1 stub" of C1, "_new_array_Java" of C2.
    private static bool IsVirtualMachine(string function)
        => VirtualMachineNames.Contains(function) || function.StartsWith("StubRoutines (", StringComparison.Ordinal)
            || function.EndsWith(" Runtime1 stub", StringComparison.Ordinal)
            || (function[0] == '_' && function.EndsWith("_Java", StringComparison.Ordinal));

    private static bool IsManaged(StackFrame frame)
        => frame.File?.StartsWith("node:", StringComparison.Ordinal) == true
            || (frame.Function is { Length: > 0 } function && (IsVirtualMachine(function) || IsEngineCode(function)
                || ManagedNames.Any(begin => function.StartsWith(begin, StringComparison.Ordinal))));

    // V8 has the kind of code before a colon: "Builtin:RecordWrite", "BytecodeHandler:Star".
    private static bool IsEngineCode(string function)
        => function.IndexOf(':') is > 0 and var colon && colon + 1 < function.Length && function[colon + 1] != ':'
            && char.IsAsciiLetterUpper(function[0]) && function.AsSpan(0, colon).IndexOfAnyExceptInRange('A', 'z') < 0;

    // Packages installed by pip count as the program's own code; they are below site-packages or dist-packages.
    private static bool IsPython(string file)
        => file.StartsWith("<frozen ", StringComparison.Ordinal)
            || (file.Contains("/lib/python", StringComparison.Ordinal) && !file.Contains("-packages/", StringComparison.Ordinal));

    /// <summary>
    /// "std::vector&lt;char&gt;::resize(unsigned long)" of "void std::vector&lt;char&gt;::resize(unsigned long)": templates' names begin with
    /// what they return. Of Rust's "&lt;alloc::vec::Vec&lt;T&gt; as core::ops::Drop&gt;::drop" the type that it is about.
    /// </summary>
    private static ReadOnlySpan<char> Qualified(string function)
    {
        if (function[0] == '<')
            return function.AsSpan().TrimStart('<');
        var (depth, begin) = (0, 0);
        for (var i = 0; i < function.Length; i++)
        {
            switch (function[i])
            {
                case '<':
                    depth++;
                    break;
                case '>':
                    depth--;
                    break;
                case '(' when depth == 0:
                    return function.AsSpan(begin);
                case ' ' when depth == 0 && !function.AsSpan(begin, i - begin).EndsWith("operator"):
                    begin = i + 1;
                    break;
            }
        }

        return function;
    }
}
