using System.Text.Json;
using Faultrec.Analyzer.Budgets;
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
        json.WriteNullable("allowed", check.Budget?.Limit);
        json.WriteBoolean("broken", check.IsBroken);
        json.WriteString("note", check.Note);
        WriteCulprit(json, check.Culprit);
        json.WriteEndObject();
    }

    private static void WriteCulprit(Utf8JsonWriter json, Culprit? culprit)
        => json.WriteNullable("culprit", culprit, value =>
        {
            json.WriteString("code", value.Code);
            json.WriteNumber("bytes", value.Bytes);
            json.WriteNullable("pid", value.Pid);
            json.WriteString("comm", value.Comm);
        });
}
