using System.Globalization;

namespace Faultrec.Live.Tests;

/// <summary>A memory cgroup of this test's own, of either version; gone at the end.</summary>
internal sealed class MemoryCgroup : IDisposable
{
    private const string V1 = "/sys/fs/cgroup/memory";
    private const string V2 = "/sys/fs/cgroup";

    public MemoryCgroup(long limitBytes)
    {
        var isV1 = Directory.Exists(V1);
        Assert.SkipUnless(isV1 || File.Exists(V2 + "/cgroup.controllers")
            && File.ReadAllText(V2 + "/cgroup.subtree_control").Contains("memory", StringComparison.Ordinal), "no memory cgroup can be made here");
        Path = $"{(isV1 ? V1 : V2)}/faultrec-test-{Environment.ProcessId}-{Guid.NewGuid():N}";
        Directory.CreateDirectory(Path);
        File.WriteAllText(Path + (isV1 ? "/memory.limit_in_bytes" : "/memory.max"), limitBytes.ToString(CultureInfo.InvariantCulture));
    }

    public string Path { get; }

    /// <summary>Of processes in it.</summary>
    public int OutOfMemoryKills
        => File.ReadLines(Path + (File.Exists(Path + "/memory.events") ? "/memory.events" : "/memory.oom_control"))
            .Where(line => line.StartsWith("oom_kill ", StringComparison.Ordinal)).Sum(line => int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));

    // Its last process may still be on its way out.
    public void Dispose() => Running.Until(TryRemove, $"{Path} is empty");

    private bool TryRemove()
    {
        try
        {
            Directory.Delete(Path);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
