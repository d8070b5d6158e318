using System.Globalization;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>What /proc says about a process that still runs.</summary>
/// <param name="NamespacePid">Its id as it sees itself, in the innermost pid namespace.</param>
/// <param name="User">Effective user id.</param>
internal sealed record LiveProcess(int Pid, int NamespacePid, uint User, DateTimeOffset StartedAt)
{
    private const int StartTimeField = 19; // of /proc/PID/stat behind the name: the 22nd of all, in USER_HZ
    private const double TicksPerSecond = 100; // USER_HZ

    public string RootPath => RootFolder.PathOf(Pid);

    /// <summary>Null: no such process, or another one has the id now.</summary>
    /// <param name="seenAt">A time at which the wanted process was running.</param>
    public static LiveProcess? Find(int pid, DateTimeOffset seenAt)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            var uptime = double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture);
            var startedAt = DateTimeOffset.UtcNow.AddSeconds(long.Parse(fields[StartTimeField], CultureInfo.InvariantCulture) / TicksPerSecond - uptime);
            if (fields[0] is "Z" or "X" || startedAt > seenAt.AddSeconds(1 / TicksPerSecond))
                return null;
            var status = File.ReadLines($"/proc/{pid}/status").Select(line => line.Split('\t')).ToDictionary(words => words[0], words => words);
            return new LiveProcess(
                pid, int.Parse(status["NSpid:"][^1], CultureInfo.InvariantCulture), uint.Parse(status["Uid:"][2], CultureInfo.InvariantCulture), startedAt);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
