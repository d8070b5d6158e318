namespace Faultrec.Recorder.Tests.Support;

/// <summary>A folder that nobody else uses; deleted with everything in it at the end.</summary>
internal sealed class TempFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("faultrec-");

    public string File(string name) => Path.Combine(_folder.FullName, name);

    public void Dispose() => _folder.Delete(recursive: true);
}
