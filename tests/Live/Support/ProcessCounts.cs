using System.Globalization;

namespace Faultrec.Live.Tests;

/// <summary>min_flt and maj_flt of a process, all its threads, as proc_pid_stat(5) has them.</summary>
internal readonly record struct ProcessCounts(long Minor, long Major)
{
    public static ProcessCounts Of(int pid)
    {
        // minflt is field 10, majflt 12, counted behind the name in parentheses, which is field 2.
        var text = File.ReadAllText($"/proc/{pid}/stat");
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return new ProcessCounts(long.Parse(fields[7], CultureInfo.InvariantCulture), long.Parse(fields[9], CultureInfo.InvariantCulture));
    }
}
