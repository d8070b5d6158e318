using System.Text.Json;
using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <summary>The two BPF program types that attach to a kernel function; faultrec's programs have them as a prefix of their names.</summary>
/// <param name="Entry">The type at the function's entry: fentry or kprobe.</param>
/// <param name="Return">The type at the function's return: fexit or kretprobe.</param>
public sealed record FunctionHooks(string Entry, string Return);

/// <summary>What made a recording: the probes of one rung of the ladder, or an importer, and what each of them sees.</summary>
[JsonConverter(typeof(ByName))]
public sealed class Backend
{
    private const string OfHandleMmFault = "from the first entry of handle_mm_fault to its last return, waits between retries included";
    private const string OnlyCompletion = "none: this backend sees only the completion of a fault";
    private const string NoDurations = "no durations (backend perf sees only the completion of a fault)";

    private Backend(string name) => Name = name;

    /// <summary>BPF programs at entry and return of handle_mm_fault (fentry, fexit).</summary>
    public static Backend Fexit { get; } = new("fexit")
    {
        Hooks = new("fentry", "fexit"),
        Sees = "every fault the kernel counts, get_user_pages included: address, flags, result, instruction, duration",
        DurationMeaning = OfHandleMmFault,
    };

    /// <summary>Kprobe and kretprobe at handle_mm_fault.</summary>
    public static Backend Kprobe { get; } = new("kprobe")
    {
        Hooks = new("kprobe", "kretprobe"),
        Sees = "the same as fexit, at a higher cost",
        DurationMeaning = OfHandleMmFault,
    };

    /// <summary>The x86 page-fault tracepoints, with BPF on the software events page-faults-min and page-faults-maj.</summary>
    public static Backend Tracepoint { get; } = new("tracepoint")
    {
        SeesGup = false,
        HasErrorCodes = true,
        Sees = "address, error code, instruction, duration; not get_user_pages",
        DurationMeaning = "from the entry of the page-fault exception to the kernel's accounting of the fault",
    };

    /// <summary>The software events in perf's own rings, without BPF.</summary>
    public static Backend Perf { get; } = new("perf")
    {
        SeesGup = false,
        HasPrograms = false,
        Sees = "address and instruction, no duration; without root your own processes",
        DurationMeaning = OnlyCompletion,
        WithoutDurations = NoDurations,
    };

    /// <summary>The text of `perf script`, imported.</summary>
    public static Backend PerfScript { get; } = new("import: perf script")
    {
        SeesGup = false,
        HasPrograms = false,
        DurationMeaning = OnlyCompletion,
        WithoutDurations = NoDurations,
        WithoutMappings = "no mappings (perf script prints them with --show-mmap-events)",
    };

    /// <summary>A systing recording, imported.</summary>
    public static Backend Systing { get; } = new("import: systing")
    {
        SeesGup = false,
        HasPrograms = false,
        DurationMeaning = "none: systing sees only the entry of a fault",
        WithoutDurations = "no durations, mappings, stacks, nor faults of kernel mode (systing sees the entry of user mode's faults)",
    };

    /// <summary>The backends of `record`, best first.</summary>
    public static IReadOnlyList<Backend> Ladder { get; } = [Fexit, Kprobe, Tracepoint, Perf];

    /// <summary>The name that `--backend` and the trace use.</summary>
    public string Name { get; }

    /// <summary>What the backend sees of a fault, in words; null for an importer, and for a backend of a later version.</summary>
    public string? Sees { get; private init; }

    /// <summary>
    /// True if the backend sees faults that get_user_pages raises. The software events count in the path of the page-fault exception (mm_account_fault
    /// with registers), so backends built on them do not.
    /// </summary>
    public bool SeesGup { get; private init; } = true;

    /// <summary>True if rows have durations.</summary>
    public bool HasDurations => WithoutDurations is null;

    /// <summary>The two moments between which a duration is measured, in words; null for a backend of a later version.</summary>
    public string? DurationMeaning { get; private init; }

    /// <summary>True if rows have the error code of the exception.</summary>
    public bool HasErrorCodes { get; private init; }

    /// <summary>The program types of a backend that probes kernel functions, whose rows have fault flags and results; null for other backends.</summary>
    public FunctionHooks? Hooks { get; private init; }

    /// <summary>True if the backend has BPF programs, which see the entry of a fault and walk the page table.</summary>
    public bool HasPrograms { get; private init; } = true;

    /// <summary>What a trace of the backend lacks, in words, if it has no durations; null if it has them.</summary>
    public string? WithoutDurations { get; private init; }

    /// <summary>Why a trace of the backend may have no mappings, in words; null if it always has them.</summary>
    public string? WithoutMappings { get; private init; }

    /// <summary>The backend with a name. An unknown name is a backend of a later version, which is assumed to see everything.</summary>
    public static Backend Named(string name)
        => Ladder.Concat([PerfScript, Systing]).FirstOrDefault(backend => backend.Name == name) ?? new Backend(name);

    /// <summary>Returns <see cref="Name"/>.</summary>
    public override string ToString() => Name;

    /// <summary>In JSON a backend is its name.</summary>
    internal sealed class ByName : JsonConverter<Backend>
    {
        public override Backend Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => reader.TokenType == JsonTokenType.String ? Named(reader.GetString()!) : throw new JsonException("expected the name of a backend");

        public override void Write(Utf8JsonWriter writer, Backend value, JsonSerializerOptions options) => writer.WriteStringValue(value.Name);
    }
}
