using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Faultrec.Traces.Plans;

/// <summary>Writes a prefault plan as text. Paths are JSON strings in ASCII, so nothing in them affects a terminal.</summary>
public static class PrefaultPlanWriter
{
    /// <summary>Writes the plan to a stream.</summary>
    /// <param name="output">Stays open.</param>
    public static void Write(PrefaultPlan plan, Stream output)
    {
        using var text = new StreamWriter(output, new UTF8Encoding(false), 1 << 16, leaveOpen: true) { NewLine = "\n" };
        var until = plan.RecordedUntil.UtcDateTime.ToString("O", CultureInfo.InvariantCulture);
        text.WriteLine(
            $$"""{"{{PrefaultPlan.Magic}}":{{PrefaultPlan.Version}},"recorded_until":"{{until}}","files":{{plan.Files.Count}}"""
            + $$""","ranges":{{plan.Ranges.Count}}}""");
        var told = 0;
        foreach (var range in plan.Ranges)
        {
            for (; told <= range.File; told++)
                text.WriteLine($$"""{"path":"{{JsonEncodedText.Encode(plan.Files[told].Path)}}","inode":{{plan.Files[told].Inode}}}""");
            text.WriteLine($$"""{"file":{{range.File}},"offset":{{range.Offset}},"length":{{range.Length}}}""");
        }
    }
}
