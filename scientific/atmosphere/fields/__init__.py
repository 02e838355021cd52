"""Fields on a grid from NetCDF, GRIB and Zarr: one order inside, the user's order outside."""
