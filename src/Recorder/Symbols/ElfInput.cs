using Faultrec.Recorder.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Symbols;

/// <summary>Opens what the service reads.</summary>
internal static class ElfInput
{
    /// <param name="inode">Inode of the file that was mapped; 0: accept any file.</param>
    /// <exception cref="BadElfException">It does not exist, is another file, or is not a regular file.</exception>
    public static RegularFile Open(string name, ulong inode)
    {
        var file = RegularFile.TryOpen(name, out var why) ?? throw new BadElfException(why switch
        {
            NotOpened.Missing => inode == 0 ? "cannot be opened" : "no longer exists",
            NotOpened.NotRegular => "is not a regular file",
            _ => "cannot be opened",
        });
        if (inode == 0 || file.Inode == inode)
            return file;
        file.Dispose();
        throw new BadElfException("is no longer the file that was mapped");
    }

    /// <summary>A file that was mapped under a path, or the vDSO.</summary>
    /// <param name="name">Under which it can be opened.</param>
    /// <exception cref="BadElfException">See <see cref="Open"/>.</exception>
    public static RegularFile OpenMapped(string path, string name, ulong inode) => path == ElfWorker.Vdso ? OpenVdso() : Open(name, inode);

    /// <summary>The vDSO, which every process has in its memory, as a file.</summary>
    // SAFETY: the kernel says where its library begins and, in maps, ends; it is never unmapped, and write only reads it.
    public static unsafe RegularFile OpenVdso()
    {
        var start = Libc.Getauxval(Libc.AuxvSysinfoEhdr);
        var line = File.ReadLines("/proc/self/maps").FirstOrDefault(line => line.EndsWith("[vdso]", StringComparison.Ordinal));
        if (start == 0 || line is null)
            throw new BadElfException("is not in our memory");
        var end = Convert.ToUInt64(line.Split(' ')[0].Split('-')[1], 16);
        var fd = Libc.MemfdCreate("vdso", Libc.MfdCloexec);
        _ = Libc.Write(fd, (void*)start, (nuint)(end - start));
        return new RegularFile(new SafeFileHandle(fd, ownsHandle: true), ElfWorker.Vdso, default, 0, 0);
    }
}
