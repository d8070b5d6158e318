using System.Globalization;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Text;
using Faultrec.Recorder.Prefault;

namespace Faultrec.Cli.Output;

/// <summary>What `prefault --compare` found, in figures and in a sentence.</summary>
internal static class ColdStartText
{
    public static void Write(TextWriter output, PrefaultResult asked, IReadOnlyList<(ColdStart Without, ColdStart With)> starts)
    {
        var without = starts.Select(pair => pair.Without).ToList();
        var with = starts.Select(pair => pair.With).ToList();
        output.WriteLine($"{Units.Of(starts.Count, "pair")} of cold starts; the plan names {Units.Bytes(asked.Bytes)}");
        output.WriteLine();
        output.WriteLine($"{"",-18}{"median",10}{"fastest",10}{"slowest",10}{"major faults",14}");
        WriteSide(output, "without the plan", without);
        WriteSide(output, "with the plan", with);
        output.WriteLine();
        output.WriteLine(Sentence(starts, Times(without), Times(with)));
        foreach (var (status, count) in without.Concat(with).CountBy(start => start.Status).Where(ending => ending.Key != 0).OrderBy(ending => ending.Key))
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Units.Of(count, "start")} ended with status {status}"));
    }

    private static void WriteSide(TextWriter output, string name, List<ColdStart> starts)
    {
        var (times, major) = (Times(starts), new Spread([.. starts.Select(start => start.MajorFaults)]));
        output.WriteLine(
            $"{name,-18}{Units.Duration(times.Median),10}{Units.Duration(times.Min),10}{Units.Duration(times.Max),10}{Units.Count(major.Median),14}");
    }

    private static string Sentence(IReadOnlyList<(ColdStart Without, ColdStart With)> starts, Spread without, Spread with)
    {
        var saved = without.Median - with.Median;
        var verdict = Spread.Judge(without, with) switch
        {
            Verdict.Differs when saved > 0 => "every start with the plan was faster than every start without",
            Verdict.Differs => "every start with the plan was slower than every start without",
            Verdict.WithinNoise => "the times of the two sides overlap",
            _ => "one pair says nothing about the noise",
        };
        var faster = starts.Count(pair => pair.With.TimeNs < pair.Without.TimeNs);
        return $"the median start {(saved >= 0 ? "gained" : "lost")} {Units.Duration(Math.Abs(saved))} ({Units.Change(-saved / (double)without.Median)}); "
            + $"with the plan it was faster in {Units.Count(faster)} of {Units.Of(starts.Count, "pair")}; {verdict}";
    }

    private static Spread Times(List<ColdStart> starts) => new([.. starts.Select(start => start.TimeNs)]);
}
