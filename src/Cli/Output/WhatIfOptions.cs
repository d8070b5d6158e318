using System.CommandLine;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Text;
using Faultrec.Replay;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Cli.Output;

/// <summary>The options of replay that change what was recorded.</summary>
internal sealed class WhatIfOptions
{
    private const string All = "all";
    private const int MostThreads = 500;
    private const int MostNodes = 32;

    private static readonly (string Name, bool IsAlways)[] HugePages = [("always", true), ("never", false)];

    private readonly Option<string?> _thp = new("--thp") { HelpName = "WHEN", Description = "What if: transparent huge pages always or never" };
    private readonly Option<string[]> _populate = new("--populate") { HelpName = "NAME|ID", Description = "What if: these regions, or all, are populated when mapped; repeatable", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> _faultAround = new("--fault-around") { HelpName = "SIZE", Description = "What if: a fault on a cached file page maps this much" };
    private readonly Option<string?> _pageSize = new("--page-size") { HelpName = "SIZE", Description = "What if: the kernel's pages had this size, such as 64KiB" };
    private readonly Option<bool> _hugetlb = new("--hugetlb") { Description = "What if: private memory comes from the hugetlb pool" };
    private readonly Option<string?> _threads = new("--threads") { HelpName = "N", Description = "What if: N threads share the faults of each process" };
    private readonly Option<string?> _numa = new("--numa") { HelpName = "NODE", Description = "What if: all memory comes from this NUMA node" };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_thp, _populate, _faultAround, _pageSize, _hugetlb, _threads, _numa])
            command.Options.Add(option);
    }

    public ReplayChange Parse(ParseResult result)
    {
        var words = new List<string>();
        bool? isHuge = Given(_thp) is { } when ? Choice.Parse("--thp", when, HugePages) : null;
        var populate = result.GetValue(_populate) ?? [];
        words.AddRange(populate.Select(region => $"--populate {HostileText.Visible(region)}"));
        var change = new ReplayChange
        {
            HugePages = isHuge == true ? static _ => true : null,
            NoHugePages = isHuge == false,
            Populated = populate.Length == 0 ? null : region => populate.Any(text => text == All || RegionNames.Matches(region.Id, region, text)),
            FaultAroundBytes = Given(_faultAround) is { } around ? PageSize("--fault-around", around) : 0,
            PageBytes = Given(_pageSize) is { } size ? PageSize("--page-size", size) : 0,
            IsHugetlb = result.GetValue(_hugetlb),
            Threads = Given(_threads) is { } threads ? NumberText.Parse("--threads", threads, 1, MostThreads) : 0,
            NumaNode = Given(_numa) is { } node ? NumberText.Parse("--numa", node, 0, MostNodes - 1) : ReplayChange.NoNode,
        };
        if (change.IsHugetlb)
            words.Add("--hugetlb");
        return change with { Words = string.Join(' ', words) };

        string? Given(Option<string?> option)
        {
            var text = result.GetValue(option);
            if (text is not null)
                words.Add($"{option.Name} {HostileText.Visible(text)}");
            return text;
        }
    }

    private static long PageSize(string option, string text)
        => SizeText.Parse(option, text) is var bytes && bytes > PageGeometry.Here.PageBytes && bytes <= PageGeometry.Here.HugeBytes && long.IsPow2(bytes) ? bytes
            : throw new FaultrecException(
                ExitCode.Usage,
                $"{option} {HostileText.Visible(text)}: expected a power of two from {PageGeometry.Here.PageBytes * 2 >> 10}KiB to {PageGeometry.Here.HugeBytes >> 20}MiB");
}
