using System.Globalization;
using Faultrec.Traces.Metadata;

namespace Faultrec.Traces.Output;

/// <summary>What a trace can hold that other users of the machine may not see.</summary>
internal static class TraceSecrets
{
    /// <summary>
    /// Physical frames, which help whoever attacks the memory under them, or addresses of the kernel's text, which tell where it lies
    /// (KASLR), while kallsyms hides those.
    /// </summary>
    public static bool AreIn(TraceMetadata metadata) => metadata.PageTable is { Recorded: true } || (!metadata.ExcludeKernel && KernelAddressesAreHidden);

    /// <summary>/proc/kallsyms shows none to ordinary users of this machine (kallsyms_show_value of kernel/ksyms_common.c), or it cannot be told.</summary>
    public static bool KernelAddressesAreHidden => Setting("kptr_restrict") != 0 || Setting("perf_event_paranoid") is not <= 1;

    private static int? Setting(string name)
    {
        try
        {
            return int.TryParse(File.ReadAllText($"/proc/sys/kernel/{name}"), CultureInfo.InvariantCulture, out var value) ? value : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
