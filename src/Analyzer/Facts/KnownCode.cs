using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>An allocator, a runtime or a library: known by its file, or by its functions where it is linked into the program.</summary>
/// <param name="Modules">File names before the first '.' or '-'.</param>
/// <param name="Functions">Names, or beginnings that end with '_' or ':'.</param>
internal abstract record KnownCode(string[] Modules, string[] Functions)
{
    /// <param name="frames">Of a stack, the innermost first.</param>
    /// <param name="moduleOf">Path of the file that holds a frame's code; null: none.</param>
    /// <returns>Null: none of them is on the stack.</returns>
    public static TCode? Innermost<TCode>(TCode[] known, IEnumerable<StackFrame> frames, Func<StackFrame, string?> moduleOf)
        where TCode : KnownCode
    {
        foreach (var frame in frames)
        {
            var path = moduleOf(frame);
            if (Array.Find(known, code => code.HasModule(frame, path) || code.HasFunction(frame)) is { } found)
                return found;
        }

        return null;
    }

    protected static bool IsOneOf(string? function, string[] names)
        => function is not null && Array.Exists(names, name => Matches(function, name));

    protected virtual bool HasModule(StackFrame frame, string? path) => path is not null && Modules.Contains(FrameNames.Stem(path));

    protected virtual bool HasFunction(StackFrame frame) => IsOneOf(frame.Function, Functions);

    // A name that ends with a separator begins a function's, any other is the whole.
    private static bool Matches(string function, string name)
        => name[^1] is '_' or ':' ? function.StartsWith(name, StringComparison.Ordinal)
            : function == name || (function.StartsWith(name, StringComparison.Ordinal) && function[name.Length] is '.' or '(');
}
