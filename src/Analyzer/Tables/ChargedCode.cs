using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Residency;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>What resident memory is charged to.</summary>
/// <param name="Line">Equal numbers are one line of code.</param>
/// <param name="Through">The innermost function, if it is another one.</param>
internal readonly record struct CodeName(int Line, string Name, string? Through)
{
    private static readonly CodeName Generated = new(-1, "generated code without names", null);

    /// <summary>Under which name it is summed: addresses of no file are a virtual machine's code, and say nothing to anybody.</summary>
    public CodeName Summed => Name.StartsWith("[0x", StringComparison.Ordinal) ? Generated : this;
}

/// <summary>Names of the code to which resident memory is charged.</summary>
internal sealed class ChargedCode
{
    public const string NoStack = "[no stack]";
    private const string Before = "[before the recording]";
    private const string Khugepaged = "[khugepaged]";
    private const string UnknownReserver = "[not known]";

    private readonly StackTable? _table;
    private readonly FrameNames? _names;
    private readonly OwnCode? _own;
    private readonly Dictionary<int, string> _placesByMapper = [];

    public ChargedCode(TraceMetadata metadata)
    {
        if (metadata.Stacks is not { } table)
            return;
        _table = table;
        _names = new FrameNames(table);
        _own = new OwnCode(table, _names);
    }

    /// <summary>A line of the program, or what stands for it where there is no stack.</summary>
    public CodeName NameOf(OwnerKey key)
        => key.Cause == BirthCause.Before ? new CodeName(-2, Before, null)
            : key.Cause == BirthCause.Khugepaged ? new CodeName(int.MinValue, Khugepaged, null)
            : NameOf(key.Stack) is var name && key.Cause == BirthCause.Fork ? name with { Line = -3 - name.Line, Name = $"{name.Name}, copied by fork" }
            : name;

    /// <summary>The line of the program that reserved the memory, or what stands for it where that is not known.</summary>
    public CodeName ReserverOf(OwnerKey key, RegionIndex index)
    {
        // In files older than mapper_stack_id there is one mapper per region.
        var stack = key.MapperStack >= 0 ? key.MapperStack : index.Find(key.RegionId)?.MapperStack ?? -1;
        return Has(stack) && _own.UserFrameOf(stack) is { } frame
            ? new CodeName(_names.LineIdOf(frame), _names.Long(frame), null)
            : new CodeName(-1, UnknownReserver, null);
    }

    /// <summary>With which setting of an allocator or a runtime this memory would have been kept; null: none is known to have given it back.</summary>
    /// <param name="peakBytes">The most that was resident.</param>
    public string? SettingFor(ReleaseSite site, long peakBytes)
        => site.Stack is { } stack && Has(stack)
            ? MemoryManagers.SettingFor(site.Call, [.. FramesOf(stack)], frame => _names.ModuleOf(frame)?.Path, peakBytes)
            : null;

    /// <summary>What the memory is, whichever mapping, address and process it was: as <see cref="RegionNames.PlaceOf"/>, or by who reserved it.</summary>
    public string PlaceOf(Region? region)
    {
        var place = RegionNames.PlaceOf(region);
        if (place != RegionNames.Anonymous || region is not { MapperStack: { } stack } || !Has(stack))
            return place;
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_placesByMapper, stack, out _);
        return known ??= MemoryClasses.Of(FramesOf(stack), frame => _names.ModuleOf(frame)?.Path) ?? place;
    }

    /// <summary>The program's own code that called it, the nearest first; empty without a stack.</summary>
    public IEnumerable<string> CallersOf(int stack) => Has(stack) ? _own.CallersOf(stack).Select(_names.Long) : [];

    /// <summary>Whether a function of that name, or one that the name begins (pthread_create@@GLIBC_2.34), is on the stack.</summary>
    public bool PassesThrough(int? stack, string function)
        => stack is { } node
            && FramesOf(node).Any(frame => frame.Function?.TrimStart('_').StartsWith(function, StringComparison.Ordinal) == true);

    /// <summary>It ran for no code of the program: at the start, before there is any.</summary>
    /// <param name="stack">Negative: none.</param>
    public bool IsOfDynamicLinker(int stack) => Has(stack) && _own.IsOfDynamicLinker(stack);

    /// <summary>How many frames of the stack are of the function that <see cref="NameOf(int?)"/> names; 0 without a stack.</summary>
    public int RecursionOf(int stack)
    {
        if (!Has(stack))
            return 0;
        var function = _names.FunctionIdOf(_own.FrameOf(stack));
        return _names.FramesOf(stack).Count(frame => _names.FunctionIdOf(frame) == function);
    }

    /// <summary>The stack begins in that function: it was deeper than a recording keeps.</summary>
    public bool IsCutShort(int stack)
        => Has(stack) && _names.FunctionIdOf(_names.FramesOf(stack).Last()) == _names.FunctionIdOf(_own.FrameOf(stack));

    /// <param name="stack">Null or negative: none.</param>
    public CodeName NameOf(int? stack)
    {
        if (stack is not { } node || !Has(node))
            return new CodeName(-1, NoStack, null);
        var frame = _own.FrameOf(node);
        var function = _names.Function(_names.FunctionIdOf(_table.NodeFrames[node])).Name;
        return new CodeName(_names.LineIdOf(frame), _names.Long(frame), function == _names.Function(_names.FunctionIdOf(frame)).Name ? null : function);
    }

    /// <summary>Faults by the name of the line that they are charged to, those without a stack included.</summary>
    public Dictionary<string, FaultCounts> SumByLine(StackAggregate stacks)
    {
        var lines = new Dictionary<string, FaultCounts>();
        foreach (var (stack, stats) in stacks.ByStack)
            Add(NameOf(stack), stats.Counts);
        if (stacks.WithoutStack.Counts is { Faults: > 0 } without)
            Add(NameOf(null), without);
        return lines;

        void Add(CodeName code, in FaultCounts counts)
            => CollectionsMarshal.GetValueRefOrAddDefault(lines, code.Summed.Name, out _).Merge(counts);
    }

    /// <summary>The innermost first; none without a stack.</summary>
    private IEnumerable<StackFrame> FramesOf(int stack) => Has(stack) ? _names.FramesOf(stack).Select(frame => _table.Frames[frame]) : [];

    [MemberNotNullWhen(true, nameof(_table), nameof(_names), nameof(_own))]
    private bool Has(int stack)
        => _table is not null && _names is not null && _own is not null && (uint)stack < (uint)_table.NodeFrames.Count;
}
