using System.Globalization;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Parses the name that a runtime gives to code: the compilation tier is removed, so that a function stays one function however often it
/// was compiled; a file and a line, if the name has them, are where the function begins.
/// </summary>
internal readonly record struct JitName(string Function, string? File, int? Line)
{
    // V8's kinds of code that have a place in a script (Logger::CodeCreateEvent, src/logging/log.cc).
    private static readonly string[] ScriptKinds = ["JS:", "LazyCompile:", "Function:", "Script:", "Eval:"];

    // Behind the kind: how it was compiled.
    private const string ScriptTiers = "~^+*'";

    public static JitName Parse(string text)
    {
        if (text.StartsWith("py::", StringComparison.Ordinal))
            return ParsePython(text["py::".Length..]);
        foreach (var kind in ScriptKinds)
        {
            if (text.StartsWith(kind, StringComparison.Ordinal))
                return ParseScript(text[kind.Length..].TrimStart(ScriptTiers.ToCharArray()));
        }

        return new JitName(DotnetName.Parse(text) ?? JavaName.Parse(text) ?? text, null, null);
    }

    // CPython, Python/perf_trampoline.c: py::name:file.
    private static JitName ParsePython(string text)
        => text.IndexOf(':') is > 0 and var colon ? new JitName(text[..colon], text[(colon + 1)..], null) : new JitName(text, null, null);

    // "name file:line:column"; a function without a name has nothing before the blank.
    private static JitName ParseScript(string text)
    {
        var blank = text.IndexOf(' ');
        if (text.StartsWith("get ", StringComparison.Ordinal) || text.StartsWith("set ", StringComparison.Ordinal))
            blank = text.IndexOf(' ', blank + 1);
        if (blank < 0)
            return new JitName(text, null, null);
        var function = blank == 0 ? "(anonymous)" : text[..blank];
        var parts = text[(blank + 1)..].Split(':');
        return parts.Length >= 3 && int.TryParse(parts[^2], CultureInfo.InvariantCulture, out var line) && line > 0
            ? new JitName(function, string.Join(':', parts[..^2]), line)
            : new JitName(function, text[(blank + 1)..] is { Length: > 0 } file ? file : null, null);
    }
}
