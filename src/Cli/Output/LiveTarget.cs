using Faultrec.Traces;
using Faultrec.Traces.Output;

namespace Faultrec.Cli.Output;

/// <summary>Where a live view goes: stdout, a pipe or a device, or a file that is read while it grows.</summary>
internal sealed class LiveTarget : IDisposable
{
    private readonly OutputPlace? _place;
    private readonly NewFile? _file;
    private readonly ExistingOutput _existing;

    public LiveTarget(Stream stream) => Stream = stream;

    /// <summary>A file; place and file are this object's.</summary>
    public LiveTarget(OutputPlace place, NewFile file, ExistingOutput existing) => (_place, _file, _existing, Stream) = (place, file, existing, file.Stream);

    public Stream Stream { get; }

    public bool HasPlace => _place is not null;

    /// <summary>The file appears, in the place of the one before.</summary>
    /// <exception cref="FaultrecException">What stands there by now may not be replaced.</exception>
    /// <exception cref="IOException">It cannot be.</exception>
    public void Begin(bool isPrivate)
    {
        if (_file is null)
            return;
        if (isPrivate)
            _file.KeepPrivate();
        _place!.Publish(_file, _existing, isDurable: false);
    }

    public void Dispose()
    {
        Stream.Dispose();
        _file?.Dispose();
        _place?.Dispose();
    }
}
