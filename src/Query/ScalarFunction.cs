using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DuckDB.NET.Native;

namespace Faultrec.Query;

/// <summary>A function of faultrec that SQL calls, for many rows at a time and on several threads at once.</summary>
internal abstract class ScalarFunction
{
    private GCHandle _self;

    /// <summary>The failure of a call: a bug in faultrec, which also makes the arguments.</summary>
    public Exception? Failure { get; private set; }

    protected abstract string Name { get; }

    protected abstract IReadOnlyList<DuckDBType> Parameters { get; }

    protected abstract DuckDBType Result { get; }

    /// <param name="output">A vector of <see cref="Result"/>, as long as the arguments.</param>
    protected abstract void Call(Vectors arguments, nint output);

    // SAFETY: DuckDB calls Call and Free with the handle made here, and Free once, when it drops the function, which no call outlives. Call
    // keeps what is thrown; Free throws nothing.
    public unsafe void Register(DuckDBNativeConnection connection)
    {
        var function = NativeMethods.ScalarFunction.DuckDBCreateScalarFunction();
        NativeMethods.ScalarFunction.DuckDBScalarFunctionSetName(function, Name);
        foreach (var parameter in Parameters)
        {
            using var type = NativeMethods.LogicalType.DuckDBCreateLogicalType(parameter);
            NativeMethods.ScalarFunction.DuckDBScalarFunctionAddParameter(function, type);
        }

        using (var type = NativeMethods.LogicalType.DuckDBCreateLogicalType(Result))
            NativeMethods.ScalarFunction.DuckDBScalarFunctionSetReturnType(function, type);
        // Otherwise a NULL in any argument would make the result NULL without a call.
        NativeMethods.ScalarFunction.DuckDBScalarFunctionSetSpecialHandling(function);
        _self = GCHandle.Alloc(this);
        NativeMethods.ScalarFunction.DuckDBScalarFunctionSetExtraInfo(function, GCHandle.ToIntPtr(_self), &Free);
        NativeMethods.ScalarFunction.DuckDBScalarFunctionSetFunction(function, &Call);
        var state = NativeMethods.ScalarFunction.DuckDBRegisterScalarFunction(connection, function);
        NativeMethods.ScalarFunction.DuckDBDestroyScalarFunction(ref function);
        if (state != DuckDBState.Success)
            throw new InvalidOperationException($"DuckDB does not take the function {Name}.");
    }

    // SAFETY: the handle is freed by DuckDB when it drops the function, which no call outlives.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Call(nint info, nint arguments, nint output)
    {
        var function = (ScalarFunction)GCHandle.FromIntPtr(NativeMethods.ScalarFunction.DuckDBScalarFunctionGetExtraInfo(info)).Target!;
        try
        {
            function.Call(new Vectors(arguments), output);
        }
        catch (Exception exception)
        {
            // No exception may cross native frames: the query ends with an error, and its reader throws the exception kept here.
            function.Failure = exception;
            NativeMethods.ScalarFunction.DuckDBScalarFunctionSetError(info, exception.Message);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Free(nint handle) => GCHandle.FromIntPtr(handle).Free();
}
