using System.Text.Json;
using Faultrec.Analyzer.Budgets;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Render;

/// <summary>The results of budgets, for programs. The keys are a contract (docs/assert.md): they stay, more may come.</summary>
internal static class AssertionJson
{
    public static void Write(Utf8JsonWriter json, Assertion assertion)
    {
        var receipt = assertion.Report.Metadata.Receipt;
        json.WriteStartObject();
        json.WriteString("trace", assertion.Report.Path);
        json.WriteBoolean("passed", assertion.Broken == 0);
        json.WriteString("headline", assertion.Headline);
        json.WriteBoolean("complete", ReceiptText.IsComplete(receipt));
        json.WriteString("receipt", ReceiptText.Describe(receipt));
        json.WriteStartArray("checks");
        foreach (var check in assertion.Checks)
            WriteCheck(json, check);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteCheck(Utf8JsonWriter json, BudgetCheck check)
    {
        json.WriteStartObject();
        json.WriteString("budget", check.Budget?.Name ?? BudgetCheck.CompleteTitle);
        json.WriteString("region", check.Budget?.Region);
        json.WriteString("code", check.Budget?.Code);
        json.WriteString("kind", check.Budget?.Kind?.Name());
        json.WriteString("unit", check.Budget?.Measure switch
        {
            null => null,
            BudgetMeasure.FaultTimeNs => "ns",
            BudgetMeasure.HugeShare => "share",
            BudgetMeasure.DistinctPages => "pages",
            BudgetMeasure.ResidentBytes or BudgetMeasure.GrownBytes => "bytes",
            _ => "faults",
        });
        json.WriteNullable("found", check.Found);
        json.WriteNullable("accounted", check.Accounted);
        json.WriteNullable("allowed", check.Budget is { Baseline: { WhyUnknown: not null } } ? null : check.Budget?.Limit);
        json.WriteNullable("increase", check.Budget?.Increase);
        json.WriteNullable("baseline", check.Budget?.Baseline, baseline =>
        {
            json.WriteStartArray("values");
            foreach (var value in baseline.Values)
                json.WriteNumberValue(value);
            json.WriteEndArray();
        });
        json.WriteBoolean("broken", check.IsBroken);
        json.WriteString("note", check.Note);
        WriteCulprit(json, check);
        json.WriteEndObject();
    }

    private static void WriteCulprit(Utf8JsonWriter json, BudgetCheck check)
        => json.WriteNullable("culprit", check.Culprit, value =>
        {
            json.WriteString("code", value.Code);
            json.WriteNumber("amount", value.Amount);
            json.WriteNullable("bytes", check.Budget!.IsOfMemory ? value.Amount : null);
            json.WriteNullable("rise", value.Rise);
            json.WriteNullable("pid", value.Pid);
            json.WriteString("comm", value.Comm);
        });
}
