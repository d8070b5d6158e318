using System.Runtime.InteropServices;
using DuckDB.NET.Native;
using Faultrec.Traces;

namespace Faultrec.Query;

/// <summary>DuckDB's own library, 70 MB: not part of the executable, and loaded only by a query.</summary>
internal static class DuckDbLibrary
{
    private static readonly string Name = OperatingSystem.IsWindows() ? "duckdb.dll" : OperatingSystem.IsMacOS() ? "libduckdb.dylib" : "libduckdb.so";

    private static readonly Lazy<nint> Handle = new(Load);

    /// <exception cref="FaultrecException">It is not in any of the places.</exception>
    public static void Require() => _ = Handle.Value;

    private static nint Load()
    {
        // Only places that belong to the installation: a library from the current folder, whoever owns it, is never loaded.
        string[] places =
        [
            AppContext.BaseDirectory,
            Path.Combine(AppContext.BaseDirectory, "..", "lib"),
            Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native"),
        ];
        var path = places.Select(place => Path.GetFullPath(Path.Combine(place, Name))).FirstOrDefault(File.Exists)
            ?? throw Missing($"{Name} is neither beside the executable ({Path.GetFullPath(places[0])}) nor in ../lib");
        if (!NativeLibrary.TryLoad(path, out var handle))
            throw Missing($"{path} cannot be loaded: it is damaged or for another kind of machine");
        NativeLibrary.SetDllImportResolver(typeof(NativeMethods).Assembly, (_, _, _) => handle);
        return handle;
    }

    private static FaultrecException Missing(string problem)
        => new(ExitCode.NotPermitted, $"query needs DuckDB's library: {problem}; building faultrec puts it there, or copy it from DuckDB's release");
}
