namespace Faultrec.Trace.Tests;

/// <summary>A path that nobody else uses; what is there is deleted at the end.</summary>
internal sealed class TempFile : IDisposable
{
    public TempFile(byte[]? content = null)
    {
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"faultrec-{Guid.NewGuid():n}.parquet");
        if (content is not null)
            File.WriteAllBytes(Path, content);
    }

    public string Path { get; }

    public void Dispose() => File.Delete(Path);
}
