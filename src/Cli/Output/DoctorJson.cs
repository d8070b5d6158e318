using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Faultrec.Recorder.Doctor;
using Faultrec.Recorder.Kernel;

namespace Faultrec.Cli.Output;

internal sealed record MachineJson(string Verdict, bool CanRecord, IEnumerable<BackendJson> Backends, IReadOnlyList<Setting> Settings)
{
    public static MachineJson Of(Diagnosis diagnosis)
        => new(diagnosis.Verdict, diagnosis.CanRecord,
            diagnosis.Backends.Select(check => new BackendJson(check.Backend, check.Reason is null, check.Reason, check.Sees)), diagnosis.Settings);
}

internal sealed record BackendJson(string Backend, bool Works, string? Refusal, string Sees);

internal sealed record FunctionsJson(IEnumerable<FunctionJson> Functions, IReadOnlyList<string> NotLookedAt)
{
    public static FunctionsJson Of(FunctionsDiagnosis diagnosis) => new(diagnosis.Functions.Select(FunctionJson.Of), diagnosis.NotLookedAt);
}

internal sealed record FunctionJson(
    string Name,
    bool Traceable,
    IReadOnlyList<string> By,
    string? Module,
    int Symbols,
    string? Prototype,
    IReadOnlyList<FunctionArgument> Arguments,
    IEnumerable<ReasonJson> Reasons,
    IReadOnlyList<string> Variants,
    IReadOnlyList<string> Similar,
    Substitute? Substitute,
    IReadOnlyList<string> Suggestions)
{
    public static FunctionJson Of(FunctionDiagnosis function) => new(
        function.Name,
        function.IsTraceable,
        function.By,
        function.Module,
        function.Symbols,
        function.Prototype?.Declaration,
        function.Prototype?.Arguments ?? [],
        function.Reasons.Select(reason => new ReasonJson(reason.Mechanism, reason.Cause, reason.Text)),
        function.Variants,
        function.Similar,
        function.Substitute,
        function.Suggestions);
}

internal sealed record ReasonJson(string Mechanism, string Cause, string Reason);

/// <summary>What `doctor --format json` writes: the members of these records, in their order; docs/doctor.md has the keys.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(MachineJson), TypeInfoPropertyName = "Machine")]
[JsonSerializable(typeof(FunctionsJson), TypeInfoPropertyName = "Functions")]
internal sealed partial class DoctorJson : JsonSerializerContext
{
    public static void Write(Diagnosis diagnosis) => Write(MachineJson.Of(diagnosis), Default.Machine);

    public static void Write(FunctionsDiagnosis diagnosis) => Write(FunctionsJson.Of(diagnosis), Default.Functions);

    private static void Write<T>(T value, JsonTypeInfo<T> type)
        => OutputTarget.Write(Destination.Stdout, [], stream => JsonSerializer.Serialize(stream, value, type));
}
