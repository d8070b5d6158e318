using System.CommandLine;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Text;
using Faultrec.Replay;
using Faultrec.Traces.Metadata;

namespace Faultrec.Cli.Output;

/// <summary>The options of replay that change what was recorded.</summary>
internal sealed class WhatIfOptions
{
    private const string All = "all";
    private const int MostThreads = 500;
    private const int MostNodes = 32;

    private static readonly (string Name, HugePages? Value)[] HugePageChoices = [("always", HugePages.Always), ("never", HugePages.Never)];

    private readonly Option<HugePages?> _thp = Choice.Option("--thp", "WHEN", "What if: transparent huge pages always or never", HugePageChoices);
    private readonly Option<string[]> _populate = TypedOption.Repeatable("--populate", "NAME|ID", "What if: these regions, or all, are populated when mapped");
    private readonly Option<long?> _faultAround = TypedOption.Create<long?>("--fault-around", "SIZE", "What if: a fault on a cached file page maps this much",
        (option, text) => PageSize(option, text));
    private readonly Option<long?> _pageSize = TypedOption.Create<long?>("--page-size", "SIZE", "What if: the kernel's pages had this size, such as 64KiB",
        (option, text) => PageSize(option, text));
    private readonly Option<bool> _hugetlb = new("--hugetlb") { Description = "What if: private memory comes from the hugetlb pool" };
    private readonly Option<int?> _threads = TypedOption.Number("--threads", "N", "What if: N threads share the faults of each process", 1, MostThreads);
    private readonly Option<int?> _numa = TypedOption.Number("--numa", "NODE", "What if: all memory comes from this NUMA node", 0, MostNodes - 1);

    private enum HugePages
    {
        Always,
        Never,
    }

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_thp, _populate, _faultAround, _pageSize, _hugetlb, _threads, _numa])
            command.Options.Add(option);
    }

    public ReplayChange Parse(ParseResult result)
    {
        var words = new List<string>();
        var huge = Given(_thp);
        var populate = result.GetValue(_populate) ?? [];
        words.AddRange(populate.Select(region => $"--populate {Escape.Visible(region)}"));
        var change = new ReplayChange
        {
            HugePages = huge == HugePages.Always ? static _ => true : null,
            NoHugePages = huge == HugePages.Never,
            Populated = populate.Length == 0 ? null : region => populate.Any(text => text == All || RegionNames.Matches(region.Id, region, text)),
            FaultAroundBytes = Given(_faultAround) ?? 0,
            PageBytes = Given(_pageSize) ?? 0,
            IsHugetlb = result.GetValue(_hugetlb),
            Threads = Given(_threads) ?? 0,
            NumaNode = Given(_numa) ?? ReplayChange.NoNode,
        };
        if (change.IsHugetlb)
            words.Add("--hugetlb");
        return change with { Description = string.Join(' ', words) };

        T? Given<T>(Option<T?> option)
            where T : struct
        {
            if (result.GetResult(option) is { Tokens: [var text] })
                words.Add($"{option.Name} {Escape.Visible(text.Value)}");
            return result.GetValue(option);
        }
    }

    private static long PageSize(string option, string text)
    {
        var (bytes, pages) = (TypedOption.ParseSize(option, text), PageGeometry.Here);
        return bytes > pages.PageBytes && bytes <= pages.HugeBytes && long.IsPow2(bytes)
            ? bytes
            : throw TypedOption.Wrong(option, text, $"a power of two from {pages.PageBytes * 2 >> 10}KiB to {pages.HugeBytes >> 20}MiB");
    }
}
